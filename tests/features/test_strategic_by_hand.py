"""Contracts, referrals, surveys and months of a few customers, worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from features.dimensions.strategic import strategic
from features.snapshot import Snapshot
from tests.features.one_dimension import Values, measure
from tests.features.tiny import Row, order

NOW = Snapshot.at(date(2026, 6, 30))
TICK = timedelta(microseconds=1)


def ago(days: int, hours: int = 12) -> datetime:
    return NOW.as_of - timedelta(days=days, hours=hours)


def contract(customer: str, ends: datetime, value: float | None = None, **more: object) -> Row:
    row = {
        "contract_id": f"{customer}/{ends.isoformat()}",
        "customer_id": customer,
        "occurred_at": ago(800),
        "ends_at": ends,
        "value": value,
    }
    return row | more


def survey(customer: str, days: int, nps: float | None, number: str = "1") -> Row:
    return {
        "survey_id": f"{customer}/{number}",
        "customer_id": customer,
        "occurred_at": ago(days),
        "nps": nps,
    }


def test_contracts_at_the_edges_of_their_time() -> None:
    end = NOW.as_of
    rows = [
        contract("a", end, 10, renewed_at=ago(9)),  # ended today, renewed before
        contract("a", end + TICK, 30),  # ends tomorrow: runs
        contract("a", end + timedelta(days=90), None),  # runs, of unknown value
        contract("a", ago(729), 5),  # ended in the window, not renewed
        contract("a", ago(730), 5, renewed_at=ago(731)),  # ended before the window
        contract("b", ago(20), 5, renewed_at=end + TICK),  # renewed tomorrow: not yet
        contract("c", end + timedelta(days=9), 70, occurred_at=end + TICK),  # signed tomorrow
        contract("d", end + timedelta(days=40), renewed_at=ago(2)),  # runs, and will go on
    ]
    bought = [order(who, ago(3), 1) for who in "abcd"]
    (found,) = measure(strategic, {"orders": bought, "contracts": rows}, NOW)
    rates = [found[who]["contract_renewal_rate_730d"] for who in "abcd"]
    assert rates == [0.5, 0.0, None, None]
    assert [found[who]["active_contract_value"] for who in "abcd"] == [30, 0, 0, 0]
    assert [found[who]["contract_days_to_end"] for who in "abcd"] == [1, None, None, None]
    assert [found[who]["contract_ended_count_730d"] for who in "abcd"] == [2, 1, 0, 0]


def test_a_referral_counts_when_the_referred_have_bought() -> None:
    bought = [
        order("host", ago(900), 1),
        order("new", ago(5), 1),
        order("of old", ago(730), 1),
        order("in time", ago(729), 1),
        order("soon", NOW.as_of + TICK, 1),
    ]
    referred = [
        {"customer_id": who, "referrer_id": "host"}
        for who in ("new", "of old", "in time", "soon", "prospect", "host")
    ]
    tables = {"orders": bought, "customers": referred}
    # The later snapshot shares the fold, and its customers change nothing about now.
    now, later = measure(strategic, tables, NOW, Snapshot.at(date(2026, 7, 1)))
    assert now["host"]["referral_count_730d"] == 2
    assert now["new"]["referral_count_730d"] == 0
    assert later["host"]["referral_count_730d"] == 2  # one came, one grew too old


def test_the_latest_answer_counts() -> None:
    answers = [
        survey("a", 40, 9),
        survey("a", 20, 3, "2"),
        survey("a", 10, None, "3"),
        survey("tied", 5, 8, "1"),
        survey("tied", 5, 6, "2"),
        survey("old", 730, 10),
        survey("edge", 729, 10),
    ]
    bought = [order(who, ago(3), 1) for who in ("a", "tied", "old", "edge")]
    (found,) = measure(strategic, {"orders": bought, "surveys": answers}, NOW)
    nps = {who: values["nps_latest_730d"] for who, values in found.items()}
    assert nps == {"a": 30, "tied": 60, "old": None, "edge": 100}


@pytest.fixture(scope="module")
def months() -> dict[str, Values]:
    daily = [order("daily", ago(days), 1) for days in range(400)]
    twice = [
        order("late", ago(30), 1, order_id=f"L{n}", recorded_at=ago(30 - n)) for n in range(30)
    ]
    orders = [
        *daily,
        *twice,
        order("late", ago(359), 1),
        order("long ago", ago(360), 5),
        order("month 11", ago(359), 5, is_custom=True),
        order("month 11", ago(359), 15, order_id="plain"),
        order("month 11", ago(9), -99, is_return=True, is_custom=True),
        order("new", ago(31), 5),
    ]
    return measure(strategic, {"orders": orders}, NOW)[0]


def test_months_with_a_purchase(months: dict[str, Values]) -> None:
    # Thirty purchase days a month, and a day made of thirty late records, stay in their month.
    shares = {who: values["active_month_share_12m"] for who, values in months.items()}
    assert shares == {
        "daily": 1.0,
        "late": pytest.approx(2 / 12),
        "long ago": 0.0,
        "month 11": pytest.approx(1 / 12),
        "new": 0.5,
    }


def test_made_to_order(months: dict[str, Values]) -> None:
    shares = {who: values["custom_order_share_365d"] for who, values in months.items()}
    assert shares["month 11"] == 0.25
    assert (shares["daily"], shares["long ago"]) == (0.0, 0.0)
