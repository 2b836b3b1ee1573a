"""What each kind of perturbation does to the tables, and to the indicators behind them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import DataError
from features.perturb.apply import lacking, perturb
from features.perturb.kinds import (
    KINDS,
    InflateOrders,
    LoseTable,
    Newcomers,
    Perturbation,
    PolicyShock,
    RaiseCosts,
    StaleTable,
)
from features.perturb.newcomers import PREFIX
from features.publish import materialise
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features.tiny import company, order, sources

DAY = date(2026, 3, 31)
SNAPSHOT = Snapshot.at(DAY)
AS_OF = SNAPSHOT.as_of
ALL = ("a", "b", "c", "d")

EVERY: tuple[Perturbation, ...] = (
    KINDS["drop_orders"](share=0.4, window_days=120, seed=3),
    KINDS["delay_payments"](days=30),
    RaiseCosts(rise=0.2, material_share=0.6, pass_through=0.5, lost_share=0.1),
    PolicyShock(share=0.5),
    LoseTable(table="interactions"),
    StaleTable(table="orders", days=14),
    Newcomers(share=0.25),
    InflateOrders(share=0.05),
)


def ago(days: int) -> datetime:
    return AS_OF - timedelta(days=days, hours=1)


def shop(connection: BaseBackend) -> Sources:
    """Four customers: a since 400 days, b since 200, c since 100, d since 20."""
    since = {"a": 400, "b": 200, "c": 100, "d": 20}
    lines = [
        order(c, ago(age), 100, line_id=line, cost=None if line == "2" else 60)
        for c, first in since.items()
        for age in range(first, -1, -10)
        for line in ("1", "2")
    ]
    return sources(
        connection,
        {
            "orders": lines,
            "customers": [
                {
                    "customer_id": c,
                    "created_at": ago(since[c]),
                    "industry": "steel" if c in "ab" else "food",
                    "name": f"Company {c}",
                    "email": f"{c}@example.org",
                    "referrer_id": "a" if c == "d" else None,
                }
                for c in ALL
            ],
            "interactions": [
                {"interaction_id": f"n{c}{age}", "customer_id": c, "occurred_at": ago(age)}
                for c in ALL
                for age in (3, 12, 19)
            ],
            "invoices": [
                {
                    "invoice_id": f"i{c}",
                    "customer_id": c,
                    "occurred_at": ago(18),
                    "due_at": ago(-12),
                    "paid_at": ago(5),
                    "amount": 200,
                }
                for c in ALL
            ],
            "market": [
                {"industry": i, "kind": "index", "occurred_at": ago(age), "value": 100.0}
                for i in ("steel", "food")
                for age in (30, 200)
            ],
        },
    )


@pytest.fixture(scope="module")
def small() -> Sources:
    return shop(connect(threads=1))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The simulated company with all ten tables."""
    folder = tmp_path_factory.mktemp("company")
    return company(connect(threads=1), folder, n_accounts=80)


@pytest.fixture(scope="module")
def calm(simulated: Sources) -> IndicatorFrame:
    return materialise(simulated, Snapshot.at(simulated.info.last_day - timedelta(days=60)))


def rows(made: Sources, table: str) -> list[dict[str, Any]]:
    found = made.connection.to_pyarrow(made.tables[table])
    return sorted(found.to_pylist(), key=repr)


def by_customer(made: Sources, indicator: str, snapshot: Snapshot = SNAPSHOT) -> dict[str, float]:
    frame = materialise(made, snapshot)
    return dict(zip(frame.customer_id.tolist(), frame.column(indicator).tolist(), strict=True))


def test_dearer_material_raises_cost_and_lowers_margin(small: Sources) -> None:
    worse = perturb(small, SNAPSHOT, RaiseCosts(rise=0.2, material_share=0.5))
    costs = {row["cost"] for row in rows(worse, "orders")}
    assert costs == {None, Decimal("66.0000")}
    assert {row["net_amount"] for row in rows(worse, "orders")} == {Decimal("100.0000")}
    margin = "gross_margin_rate_365d"
    before, after = by_customer(small, margin), by_customer(worse, margin)
    assert all(after[c] == pytest.approx(before[c] - 0.06) for c in ALL)


def test_what_is_passed_on_is_money_not_margin(small: Sources) -> None:
    worse = perturb(small, SNAPSHOT, RaiseCosts(rise=0.2, material_share=0.5, pass_through=1.0))
    by_line = {row["line_id"]: (row["net_amount"], row["cost"]) for row in rows(worse, "orders")}
    assert by_line == {"1": (Decimal(106), Decimal(66)), "2": (Decimal(100), None)}


def test_a_price_rise_costs_orders(small: Sources) -> None:
    everything = perturb(small, SNAPSHOT, RaiseCosts(rise=0.2, lost_share=1.0, window_days=90))
    assert all(row["occurred_at"] <= ago(90) for row in rows(everything, "orders"))
    kept = perturb(small, SNAPSHOT, RaiseCosts(rise=0.2, lost_share=0.3))
    assert 0 < len(rows(kept, "orders")) < len(rows(small, "orders"))


def test_a_policy_hits_one_industry(small: Sources) -> None:
    shock = PolicyShock(share=1.0, industry="food", window_days=50, impact=-0.4)
    worse = perturb(small, SNAPSHOT, shock)
    spend = "net_amount_30d"
    before, after = by_customer(small, spend), by_customer(worse, spend)
    assert set(after) == {"a", "b", "c"}  # d came in the window and never bought
    assert (after["a"], after["b"], after["c"]) == (before["a"], before["b"], 0.0)
    impact = by_customer(worse, "policy_impact_365d")
    assert impact["c"] == -0.4
    assert np.isnan(impact["a"])


def test_by_default_the_largest_industry_is_hit(small: Sources) -> None:
    worse = perturb(small, SNAPSHOT, PolicyShock(share=1.0))  # two each: the first by name
    policy = [row for row in rows(worse, "market") if row["kind"] == "policy"]
    assert [(row["industry"], row["value"]) for row in policy] == [("food", -0.5)]


def test_without_a_market_the_orders_fall_all_the_same(small: Sources) -> None:
    bare = Sources(
        small.connection,
        {k: v for k, v in small.tables.items() if k != "market"},
        small.info,
    )
    worse = perturb(bare, SNAPSHOT, PolicyShock(share=1.0, industry="steel"))
    assert "market" not in worse.tables
    assert len(rows(worse, "orders")) < len(rows(bare, "orders"))


def test_a_lost_table_is_as_if_it_had_never_been(small: Sources) -> None:
    contacted = "inbound_interaction_count_180d"
    worse = perturb(small, SNAPSHOT, LoseTable(table="interactions"))
    assert worse.table("interactions") is None
    assert not worse.has("interactions.kind")
    assert small.has("interactions.kind")
    assert not np.isnan(list(by_customer(small, contacted).values())).any()
    assert np.isnan(list(by_customer(worse, contacted).values())).all()


def test_orders_cannot_go_missing() -> None:
    with pytest.raises(DataError, match="other than orders"):
        LoseTable(table="orders")


def test_a_table_of_no_contract_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"did you mean 'invoices'\?"):
        StaleTable(table="invoice", days=3)


def test_a_stale_table_lacks_its_last_days(small: Sources) -> None:
    worse = perturb(small, SNAPSHOT, StaleTable(table="orders", days=15))
    kept = [row["occurred_at"] for row in rows(worse, "orders")]
    assert max(kept) == ago(20)
    since = by_customer(worse, "days_since_last_order")
    assert set(since.values()) == {20.0}


def test_a_stale_table_lacks_what_became_known_of_older_rows(small: Sources) -> None:
    paid = [row["paid_at"] for row in rows(small, "invoices")]
    assert all(paid)
    worse = perturb(small, SNAPSHOT, StaleTable(table="invoices", days=10))
    assert [row["paid_at"] for row in rows(worse, "invoices")] == [None] * 4
    hardly = perturb(small, SNAPSHOT, StaleTable(table="invoices", days=3))
    assert rows(hardly, "invoices") == rows(small, "invoices")


def test_newcomers_are_copies_of_the_latest_under_new_names(small: Sources) -> None:
    more = perturb(small, SNAPSHOT, Newcomers(share=0.5, window_days=30))
    frame = materialise(more, SNAPSHOT)
    ids = set(frame.customer_id.tolist())
    assert ids == {*ALL, f"{PREFIX}c", f"{PREFIX}d"}
    tenure = by_customer(more, "tenure_days")
    assert 0 <= tenure[f"{PREFIX}c"] < 30
    assert 0 <= tenure[f"{PREFIX}d"] < 30
    copies = [row for row in rows(more, "customers") if row["customer_id"].startswith(PREFIX)]
    assert {row["industry"] for row in copies} == {"food"}
    assert {(row["email"], row["referrer_id"]) for row in copies} == {(None, None)}
    numbers = [row["order_id"] for row in rows(more, "orders")]
    assert len(set(numbers)) * 2 == len(numbers)


def test_a_newcomer_carries_nothing_of_the_days_to_come(small: Sources) -> None:
    """The donor's later orders must not come in, though the copy begins earlier than it did."""
    early = Snapshot.at(DAY - timedelta(days=15))  # d began five days before
    more = perturb(small, early, Newcomers(share=0.25, window_days=60))
    mine = [row for row in rows(more, "orders") if row["customer_id"] == f"{PREFIX}d"]
    theirs = [row for row in rows(small, "orders") if row["customer_id"] == "d"]
    known = [row for row in theirs if row["occurred_at"] <= early.as_of]
    assert 0 < len(mine) == len(known) < len(theirs)


def test_newcomers_leave_those_who_are_there_alone(
    simulated: Sources, calm: IndicatorFrame
) -> None:
    day = Snapshot.at(calm.as_of)
    full = materialise(perturb(simulated, day, Newcomers(share=0.3)), day)
    old = np.isin(full.customer_id, calm.customer_id)
    assert (~old).sum() == np.ceil(0.3 * len(calm))
    # measured against all customers, by definition
    shared = ("profit_share_365d", "season_index_next_90d", "season_index_category_next_90d")
    relative = [full.columns.index(name) for name in shared]
    np.testing.assert_array_equal(
        np.delete(full.values[old], relative, axis=1), np.delete(calm.values, relative, axis=1)
    )


def test_outliers_are_whole_orders_times_the_factor(small: Sources) -> None:
    worse = perturb(small, SNAPSHOT, InflateOrders(share=0.3, factor=10.0))
    amounts: dict[str, set[Decimal]] = {}
    for row in rows(worse, "orders"):
        amounts.setdefault(row["order_id"], set()).add(row["net_amount"])
        if row["cost"] is not None:
            assert row["cost"] / row["net_amount"] == Decimal("0.6")
    assert set(map(len, amounts.values())) == {1}
    inflated = sum(amount == {Decimal(1000)} for amount in amounts.values())
    assert 0.1 < inflated / len(amounts) < 0.5


@pytest.mark.parametrize("perturbation", EVERY, ids=lambda p: p.kind)
def test_every_kind_runs_on_a_whole_company(
    simulated: Sources, calm: IndicatorFrame, perturbation: Perturbation
) -> None:
    day = Snapshot.at(calm.as_of)
    assert lacking(simulated, perturbation) == ()
    worse = materialise(perturb(simulated, day, perturbation), day)
    same = len(calm) == len(worse) and np.array_equal(calm.values, worse.values, equal_nan=True)
    assert not same


@settings(max_examples=6, deadline=None)
@given(perturbation=st.sampled_from(EVERY), seed=st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(perturbation: Perturbation, seed: int) -> None:
    one, other = shop(connect(threads=1)), shop(connect(threads=1))
    rng = np.random.default_rng(seed)
    for name, table in list(other.tables.items()):
        arrow: pa.Table = other.connection.to_pyarrow(table)
        mixed = arrow.take(pa.array(rng.permutation(len(arrow))))
        other.connection.create_table(name, mixed, overwrite=True)
    worse, likewise = perturb(one, SNAPSHOT, perturbation), perturb(other, SNAPSHOT, perturbation)
    for name in worse.tables:
        assert rows(worse, name) == rows(likewise, name)


@pytest.mark.parametrize(
    ("perturbation", "lacks"),
    [
        (LoseTable(table="tickets"), ("tickets",)),
        (StaleTable(table="tickets", days=3), ("tickets",)),
        (RaiseCosts(rise=0.2), ("orders.cost",)),
        (PolicyShock(share=0.3), ("customers.industry",)),
    ],
)
def test_what_is_lacking_is_named(perturbation: Perturbation, lacks: tuple[str, ...]) -> None:
    made = sources(
        connect(threads=1), {"orders": [order("a", "2026-01-01", 5)]}, unmapped=["orders.cost"]
    )
    assert lacking(made, perturbation) == lacks
    with pytest.raises(DataError, match=lacks[0]):
        perturb(made, SNAPSHOT, perturbation)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("raise_costs", {"rise": -0.1}),
        ("raise_costs", {"rise": 0.1, "pass_through": 1.5}),
        ("policy_shock", {"share": 0.3, "impact": -2.0}),
        ("stale_table", {"table": "orders", "days": -1}),
        ("newcomers", {"share": 2.0}),
        ("inflate_orders", {"share": 0.1, "factor": -1.0}),
    ],
)
def test_a_size_out_of_range_is_refused(kind: str, size: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"{kind}' needs"):
        KINDS[kind](**size)


def test_everything_stays_lazy(small: Sources) -> None:
    for perturbation in EVERY:
        for table in perturb(small, SNAPSHOT, perturbation).tables.values():
            assert isinstance(table, ibis.Table)
