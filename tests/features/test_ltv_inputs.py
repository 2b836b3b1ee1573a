"""The golden case of lifetime value: the larger customer that is worth less (#15).

A buys for 5,000,000 a year, pays after 120 days and takes 15 % of it in service; B buys for
3,000,000, pays after 30 days and takes 5 %. Gross margins are the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import ibis
import pytest

from features.backends import connect
from features.publish import materialise
from features.schema import CATALOGUE, IndicatorFrame
from features.snapshot import Snapshot
from features.sources import ingest, open_sources
from tests.features import tiny

NOON = datetime(2025, 12, 31, 12)
SNAPSHOT = Snapshot.at(NOON.date())
AGES = range(120, 360, 6)  # the youngest invoice is paid after 120 days, on the day of as_of
ACCOUNTS = {
    # customer: spend of the year, days to payment, share of the spend that service costs
    "A": (5_000_000, 120, 0.15),
    "B": (3_000_000, 30, 0.05),
}
MARGINS = (0.25, 0.35, 0.36)  # each pair of accounts once with each gross margin
LTV_INPUTS = (
    "net_amount_365d",
    "gross_margin_rate_365d",
    "dso_days_365d",
    "service_cost_rate_365d",
    "contribution_365d",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> IndicatorFrame:
    """Take the accounts in at the door and measure them."""
    link, folder = connect(threads=1), tmp_path_factory.mktemp("golden") / "sources"
    raw = {
        name: ibis.memtable(tiny.arrow(name, rows).drop_columns("recorded_at"))
        for name, rows in _rows().items()
    }
    ingest(raw, folder, connection=link, world="golden", currency="CNY", simulated=True)
    return materialise(open_sources(folder, link), SNAPSHOT)


def _rows() -> dict[str, list[tiny.Row]]:
    rows: dict[str, list[tiny.Row]] = {"orders": [], "invoices": [], "tickets": []}
    for margin, account, age in product(MARGINS, ACCOUNTS, AGES):
        spend, days, service = ACCOUNTS[account]
        amount, at = spend / len(AGES), NOON - timedelta(days=age)
        number = f"{margin}/{account}/{age}"
        one = {"customer_id": f"{account} at {margin}", "occurred_at": at}
        bought = {"net_amount": amount, "rebate": 0, "cost": amount * (1 - margin)}
        rows["orders"].append(one | bought | {"order_id": number})
        paid = {"due_at": at + timedelta(days=30), "paid_at": at + timedelta(days=days)}
        rows["invoices"].append(one | paid | {"invoice_id": number, "amount": amount})
        served = {"resolved_at": at + timedelta(days=2), "service_cost": amount * service}
        rows["tickets"].append(one | served | {"ticket_id": number})
    return rows


def inputs(found: IndicatorFrame, account: str, margin: float) -> dict[str, float]:
    row = found.customer_id.tolist().index(f"{account} at {margin}")
    return {name: float(found.column(name)[row]) for name in LTV_INPUTS}


def test_the_slow_and_costly_customer_is_worth_less(found: IndicatorFrame) -> None:
    a, b = inputs(found, "A", 0.25), inputs(found, "B", 0.25)
    assert a == pytest.approx(
        {
            "net_amount_365d": 5_000_000,
            "gross_margin_rate_365d": 0.25,
            "dso_days_365d": 120,
            "service_cost_rate_365d": 0.15,
            # gross profit 1,250,000 - service 750,000 - receivables 131,506.85
            "contribution_365d": 368_493.1507,
        }
    )
    assert b == pytest.approx(
        {
            "net_amount_365d": 3_000_000,
            "gross_margin_rate_365d": 0.25,
            "dso_days_365d": 30,
            "service_cost_rate_365d": 0.05,
            # gross profit 750,000 - service 150,000 - receivables 19,726.03
            "contribution_365d": 580_273.9726,
        }
    )
    assert b["contribution_365d"] - a["contribution_365d"] == pytest.approx(211_780.82, abs=0.01)
    for name in ("dso_days_365d", "service_cost_rate_365d", "contribution_365d"):
        assert (b[name] - a[name]) * CATALOGUE[name].direction > 0, name


@pytest.mark.parametrize(("margin", "worth_more"), [(0.35, "B"), (0.36, "A")])
def test_only_a_high_margin_carries_the_burden(
    found: IndicatorFrame, margin: float, worth_more: str
) -> None:
    # Both are worth the same at a gross margin of 35.589 %.
    worth = {account: inputs(found, account, margin)["contribution_365d"] for account in ACCOUNTS}
    assert max(worth, key=worth.__getitem__) == worth_more
