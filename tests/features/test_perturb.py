from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import DataError
from features.perturb.apply import perturb
from features.perturb.kinds import DelayPayments, DropOrders, Perturbation
from features.publish import materialise
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features.tiny import order, sources

DAY = date(2026, 3, 31)
SNAPSHOT = Snapshot.at(DAY)
AS_OF = SNAPSHOT.as_of


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


@pytest.fixture(scope="module")
def shop(connection: BaseBackend) -> Sources:
    """A thousand orders of two lines, one every three hours, back from as_of."""
    orders = [
        order("a", AS_OF - timedelta(hours=3 * i), 10, order_id=f"O{i}", line_id=line)
        for i in range(1_000)
        for line in ("1", "2")
    ]
    invoices = [
        {
            "invoice_id": f"I{days}",
            "customer_id": "a",
            "occurred_at": AS_OF - timedelta(days=days),
            "due_at": AS_OF - timedelta(days=days - 30),
            "paid_at": None if days == 50 else AS_OF - timedelta(days=days - 20),
            "amount": 100,
        }
        for days in (25, 50, 75, 100)
    ]
    return sources(connection, {"orders": orders, "invoices": invoices})


def kept(made: Sources) -> dict[str, int]:
    """Return the number of lines of each order that is left."""
    orders = made.tables["orders"]
    counts = orders.group_by("order_id").aggregate(n=orders.count())
    rows = made.connection.to_pyarrow(counts).to_pylist()
    return {row["order_id"]: row["n"] for row in rows}


def drop(share: float, *, window_days: int | None = None, seed: int = 1) -> Perturbation:
    return DropOrders(share=share, window_days=window_days, seed=seed)


def test_orders_vanish_whole_and_about_in_the_share_asked_for(shop: Sources) -> None:
    left = kept(perturb(shop, SNAPSHOT, drop(0.3)))
    assert set(left.values()) == {2}
    assert 0.65 < len(left) / 1_000 < 0.75


def test_only_the_window_is_touched(shop: Sources) -> None:
    left = kept(perturb(shop, SNAPSHOT, drop(1.0, window_days=30)))
    assert set(left) == {f"O{i}" for i in range(240, 1_000)}  # 240 orders in 30 days


def test_the_seed_decides_which(shop: Sources) -> None:
    one = kept(perturb(shop, SNAPSHOT, drop(0.5)))
    assert one == kept(perturb(shop, SNAPSHOT, drop(0.5)))
    assert one != kept(perturb(shop, SNAPSHOT, drop(0.5, seed=2)))


def test_a_larger_share_drops_more_of_the_same(shop: Sources) -> None:
    shares = [0.0, 0.2, 0.5, 0.9, 1.0]
    left = [set(kept(perturb(shop, SNAPSHOT, drop(share)))) for share in shares]
    assert all(more >= less for more, less in pairwise(left))
    assert (len(left[0]), len(left[-1])) == (1_000, 0)


def test_the_original_is_left_alone(shop: Sources) -> None:
    perturb(shop, SNAPSHOT, drop(1.0))
    assert len(kept(shop)) == 1_000


def test_spend_falls_with_the_orders(shop: Sources) -> None:
    worse = perturb(shop, SNAPSHOT, drop(0.5, window_days=90))
    before = materialise(shop, SNAPSHOT).column("net_amount_90d")[0]
    after = materialise(worse, SNAPSHOT).column("net_amount_90d")[0]
    assert 0.4 < after / before < 0.6


def paid(made: Sources) -> dict[str, datetime | None]:
    rows = made.connection.to_pyarrow(made.tables["invoices"]).to_pylist()
    return {row["invoice_id"]: row["paid_at"] for row in rows}


def test_payments_come_later_and_open_ones_stay_open(shop: Sources) -> None:
    before = paid(shop)
    after = paid(perturb(shop, SNAPSHOT, DelayPayments(days=45)))
    for number, moment in before.items():
        assert after[number] == (None if moment is None else moment + timedelta(days=45))


def test_only_invoices_of_the_window_are_delayed(shop: Sources) -> None:
    delay = DelayPayments(days=45, window_days=60)
    before, after = paid(shop), paid(perturb(shop, SNAPSHOT, delay))
    assert {number for number in before if before[number] != after[number]} == {"I25"}


def test_delayed_payments_raise_the_dso(shop: Sources) -> None:
    worse = perturb(shop, SNAPSHOT, DelayPayments(days=60))
    before, after = materialise(shop, SNAPSHOT), materialise(worse, SNAPSHOT)
    for name in ("dso_days_365d", "overdue_amount"):
        assert after.column(name)[0] > before.column(name)[0]
    rate = "on_time_collection_rate_365d"
    assert after.column(rate)[0] < before.column(rate)[0]


def test_a_table_that_does_not_exist_cannot_be_perturbed(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-01-01", 5)]})
    with pytest.raises(DataError, match="no table 'invoices'"):
        perturb(made, SNAPSHOT, DelayPayments(days=30))


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (DropOrders, {"share": 1.01}),
        (DropOrders, {"share": -0.1}),
        (DropOrders, {"share": float("nan")}),
        (DropOrders, {"share": 0.5, "window_days": 0}),
        (DelayPayments, {"days": -1}),
    ],
)
def test_a_perturbation_without_a_proper_size_is_refused(
    kind: type[Perturbation], size: dict[str, float]
) -> None:
    with pytest.raises(DataError, match="needs"):
        kind(**size)
