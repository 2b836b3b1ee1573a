from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import SnapshotError
from features.frame import DIMENSIONS, indicator_frame
from features.history import History
from features.publish import materialise
from features.schema import CATALOGUE, names
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features.tiny import Row, order, sources

DAY = date(2026, 3, 31)
AS_OF = datetime(2026, 3, 31, 23, 59, 59, 999999)
TICK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


def seen(made: Sources, table: str, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the rows of a table that the snapshot sees."""
    with History(made, [snapshot]) as history:
        tables = history.at(snapshot)
        text = history.codes.rename(text_id="customer_id")
        rows = getattr(tables, table).inner_join(text, [("customer_id", "code")])
        found: list[dict[str, Any]] = made.connection.to_pyarrow(rows).to_pylist()
    return [row | {"customer_id": row["text_id"]} for row in found]


def measure(made: Sources, snapshot: Snapshot, customer: str) -> dict[str, float]:
    frame = materialise(made, snapshot)
    row = frame.values[frame.customer_id.tolist().index(customer)]
    return dict(zip(frame.columns, row.tolist(), strict=True))


def test_a_day_ends_with_its_last_microsecond_and_is_known_then() -> None:
    snapshot = Snapshot.at(DAY)
    assert (snapshot.as_of, snapshot.known_at, snapshot.day) == (AS_OF, AS_OF, DAY)
    later = datetime(2026, 5, 1)
    assert Snapshot.at(DAY, later) == Snapshot(AS_OF, later)


def test_an_instant_with_a_time_zone_is_refused() -> None:
    with pytest.raises(SnapshotError, match="time zone"):
        Snapshot(datetime(2026, 3, 31, tzinfo=UTC), AS_OF)


def test_a_time_of_day_is_refused() -> None:
    with pytest.raises(SnapshotError, match="end of one"):
        Snapshot(datetime(2026, 3, 31, 12), AS_OF)


def test_a_snapshot_before_the_first_order_is_refused(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-03-01", 5)]})
    with pytest.raises(SnapshotError, match="first is of 2026-03-01") as caught:
        materialise(made, Snapshot.at(date(2026, 2, 28)))
    assert caught.value.context["first_day"] == "2026-03-01"


def test_an_order_exactly_at_as_of_counts_and_one_microsecond_later_does_not(
    connection: BaseBackend,
) -> None:
    rows = [order("a", AS_OF, 5), order("a", AS_OF + TICK, 70), order("b", AS_OF + TICK, 9)]
    made = sources(connection, {"orders": rows})
    frame = materialise(made, Snapshot.at(DAY))
    assert frame.customer_id.tolist() == ["a"]
    assert frame.column("net_amount_total").tolist() == [5.0]
    assert frame.column("days_since_last_order").tolist() == [0.0]


@pytest.mark.parametrize(("slip", "inside"), [(timedelta(0), False), (TICK, True)])
def test_a_window_is_open_at_its_start(
    connection: BaseBackend, slip: timedelta, inside: bool
) -> None:
    start = AS_OF - timedelta(days=30)
    made = sources(connection, {"orders": [order("a", start + slip, 5)]})
    measured = measure(made, Snapshot.at(DAY), "a")
    assert measured["net_amount_30d"] == (5.0 if inside else 0.0)
    assert measured["order_days_30d"] == (1.0 if inside else 0.0)
    assert measured["net_amount_90d"] == 5.0


def test_a_row_recorded_late_is_not_seen_before_it_is_known(connection: BaseBackend) -> None:
    late = order("a", "2026-03-10", 40, recorded_at=datetime(2026, 4, 2))
    made = sources(connection, {"orders": [order("a", "2026-01-05", 5), late]})
    assert measure(made, Snapshot.at(DAY), "a")["net_amount_total"] == 5.0
    just_before = Snapshot.at(DAY, datetime(2026, 4, 2) - TICK)
    assert measure(made, just_before, "a")["net_amount_total"] == 5.0
    assert measure(made, Snapshot.at(DAY, datetime(2026, 4, 2)), "a")["net_amount_total"] == 45.0


def versions() -> Sequence[Row]:
    first = order("a", "2026-03-10", 40, order_id="O", recorded_at=datetime(2026, 3, 10, 12))
    return [
        order("a", "2026-01-05", 5),
        first,
        {**first, "net_amount": 55, "recorded_at": datetime(2026, 3, 20)},
        {**first, "is_cancelled": True, "recorded_at": datetime(2026, 4, 20)},
    ]


@pytest.mark.parametrize(
    ("known_at", "amount"),
    [
        (datetime(2026, 3, 15), 40.0),
        (datetime(2026, 3, 20), 55.0),
        (datetime(2026, 4, 20), 0.0),
    ],
)
def test_of_several_versions_the_latest_known_one_wins(
    connection: BaseBackend, known_at: datetime, amount: float
) -> None:
    made = sources(connection, {"orders": versions()}, versioned=["orders"])
    assert measure(made, Snapshot.at(DAY, known_at), "a")["net_amount_30d"] == amount


def test_a_correction_may_move_an_order_out_of_sight(connection: BaseBackend) -> None:
    first = order("a", "2026-03-10", 40, order_id="O")
    moved = {**first, "occurred_at": datetime(2026, 4, 3), "recorded_at": datetime(2026, 4, 5)}
    rows = [order("a", "2026-01-05", 5), first, moved]
    made = sources(connection, {"orders": rows}, versioned=["orders"])
    assert measure(made, Snapshot.at(DAY), "a")["net_amount_total"] == 45.0
    assert measure(made, Snapshot.at(DAY, datetime(2026, 5, 1)), "a")["net_amount_total"] == 5.0


def test_a_payment_after_as_of_has_not_happened(connection: BaseBackend) -> None:
    invoice = {
        "invoice_id": "I",
        "customer_id": "a",
        "occurred_at": datetime(2026, 2, 1, 9),
        "due_at": datetime(2026, 3, 3, 9),
        "paid_at": AS_OF + TICK,
        "amount": 100,
    }
    made = sources(connection, {"orders": [order("a", "2026-01-05", 5)], "invoices": [invoice]})
    measured = measure(made, Snapshot.at(DAY), "a")
    assert measured["overdue_amount"] == 100.0
    assert measured["max_overdue_days"] == 28.0
    assert measured["on_time_collection_rate_365d"] == 0.0
    assert measured["dso_days_365d"] == 58.0
    paid = measure(made, Snapshot.at(date(2026, 4, 1)), "a")
    assert (paid["overdue_amount"], paid["dso_days_365d"]) == (0.0, 59.0)


def test_what_a_ticket_gained_after_as_of_is_hidden(connection: BaseBackend) -> None:
    ticket = {
        "ticket_id": "T",
        "customer_id": "a",
        "occurred_at": datetime(2026, 3, 30),
        "first_response_at": datetime(2026, 3, 31),
        "resolved_at": datetime(2026, 4, 2),
        "csat": 20.0,
    }
    answered = {**ticket, "ticket_id": "U", "resolved_at": None, "csat": 60.0}
    made = sources(
        connection, {"orders": [order("a", "2026-01-05", 5)], "tickets": [ticket, answered]}
    )
    rows = {row["ticket_id"]: row for row in seen(made, "tickets", Snapshot.at(DAY))}
    assert rows["T"]["first_response_at"] == datetime(2026, 3, 31)
    assert rows["T"]["resolved_at"] is None
    assert rows["T"]["csat"] is None
    assert rows["U"]["csat"] == 60.0  # rated without ever being resolved
    later = {row["ticket_id"]: row for row in seen(made, "tickets", Snapshot.at(date(2026, 4, 2)))}
    assert (later["T"]["resolved_at"], later["T"]["csat"]) == (datetime(2026, 4, 2), 20.0)


def test_a_customer_without_dates_is_always_there(connection: BaseBackend) -> None:
    customers = [
        {"customer_id": "dated", "created_at": datetime(2026, 3, 1)},
        {"customer_id": "future", "created_at": datetime(2026, 4, 1)},
        {"customer_id": "undated"},
    ]
    orders = [order(name, "2026-01-05", 5) for name in ("dated", "future", "undated")]
    made = sources(connection, {"orders": orders, "customers": customers})
    found = {row["customer_id"] for row in seen(made, "customers", Snapshot.at(DAY))}
    assert found == {"dated", "undated"}


def test_cancelled_lines_do_not_exist_and_returns_make_no_purchase_day(
    connection: BaseBackend,
) -> None:
    rows = [
        order("a", "2026-03-01", 50),
        order("a", "2026-03-05", -20, is_return=True),
        order("a", "2026-03-09", 999, is_cancelled=True),
        order("only returns", "2026-03-05", -20, is_return=True),
        order("only cancelled", "2026-03-05", 20, is_cancelled=True),
    ]
    made = sources(connection, {"orders": rows})
    frame = materialise(made, Snapshot.at(DAY))
    assert frame.customer_id.tolist() == ["a"]
    measured = measure(made, Snapshot.at(DAY), "a")
    assert measured["net_amount_90d"] == 30.0
    assert measured["order_days_90d"] == 1.0
    assert measured["return_rate_365d"] == pytest.approx(0.4)
    assert measured["days_since_last_order"] == 30.0


def test_one_purchase_leaves_unknown_what_needs_two(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-03-21", 50, category="tea")]})
    measured = measure(made, Snapshot.at(DAY), "a")
    unknown = {name for name, value in measured.items() if np.isnan(value)}
    assert {
        "repeat_order_value_mean",
        "recency_to_interval_ratio",
        "order_interval_cv",
        "net_amount_growth_90d",
        "net_amount_slope_6m",
        "net_amount_momentum_30d",
        "net_amount_next_90d_last_year",
    } <= unknown
    assert measured["repeat_count"] == 0.0
    assert measured["last_order_age_days"] == 0.0
    assert measured["tenure_days"] == 10.0
    assert measured["active_month_share_12m"] == 1.0
    assert measured["category_concentration_365d"] == 1.0


def test_a_missing_table_or_column_leaves_its_indicators_unknown(connection: BaseBackend) -> None:
    made = sources(
        connection,
        {"orders": [order("a", "2026-03-21", 50)]},
        unmapped=["orders.category", "orders.cost", "orders.discount", "orders.is_return"],
    )
    measured = measure(made, Snapshot.at(DAY), "a")
    for name, value in measured.items():
        missing = [
            column
            for column in CATALOGUE[name].source
            if not column.startswith("orders.") or not made.has(column)
        ]
        if missing:
            assert np.isnan(value), name
    assert measured["net_amount_30d"] == 50.0


def test_a_table_that_exists_but_is_silent_on_a_customer_means_zero(
    connection: BaseBackend,
) -> None:
    contact = {
        "interaction_id": "1",
        "customer_id": "b",
        "occurred_at": datetime(2026, 3, 1),
        "is_inbound": True,
    }
    made = sources(
        connection,
        {"orders": [order("a", "2026-03-21", 50)], "interactions": [contact], "tickets": []},
    )
    measured = measure(made, Snapshot.at(DAY), "a")
    assert measured["inbound_interaction_count_180d"] == 0.0
    assert measured["open_ticket_count"] == 0.0
    assert np.isnan(measured["csat_mean_365d"])
    assert np.isnan(measured["interaction_change_30d"])
    assert np.isnan(measured["overdue_amount"])  # no invoices at all


def test_the_frame_is_lazy_and_complete(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-03-21", 50)]})
    with History(made, [Snapshot.at(DAY)]) as history:
        tables = history.at(Snapshot.at(DAY))
        frame = indicator_frame(tables, history.codes)
        assert tuple(frame.columns) == ("customer_id", *CATALOGUE)
        assert {str(frame[name].type()) for name in CATALOGUE} == {"float64"}
        assert tables.has("orders.net_amount")
        assert not tables.has("invoices.amount")
        for dimension, measure_dimension in DIMENSIONS.items():
            assert measure_dimension(tables).joined().columns == ("customer_id", *names(dimension))
