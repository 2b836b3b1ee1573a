from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from features.backends import batches, compiled, connect
from features.errors import SnapshotError
from features.frame import indicator_frame
from features.history import History
from features.schema import CATALOGUE
from features.sights import REACH
from features.snapshot import Snapshot
from features.sources import Sources
from features.visibility import position
from features.windows import window_days
from tests.features import random_rows
from tests.features.tiny import Row, order, sources

pytestmark = pytest.mark.long

DAYS = (date(2026, 1, 31), date(2026, 4, 30), date(2026, 6, 30))
END = Snapshot.at(DAYS[-1]).as_of


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


def frames(made: Sources, snapshots: Sequence[Snapshot]) -> list[pa.Table]:
    """Measure snapshots one after the other with the SQL of the first, as publishing does."""
    with History(made, snapshots) as history:
        found = []
        sql = compiled(made.connection, indicator_frame(history.at(snapshots[0]), history.codes))
        for snapshot in snapshots:
            history.at(snapshot)
            found.append(batches(made.connection, sql).read_all())
    return found


def relations(connection: BaseBackend) -> set[str]:
    names = connection.raw_sql("SELECT table_name FROM information_schema.tables").fetchall()
    return {name for (name,) in names if name.startswith("history_")}


# Not shrunk: an example takes seconds, and a difference is told by column. Not traced: the tests
# below run the same lines once.
@pytest.mark.no_cover
@pytest.mark.parametrize("versioned", [random_rows.VERSIONED, ()], ids=["versions", "late only"])
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(data=st.data())
def test_many_snapshots_see_what_each_sees_alone(
    versioned: tuple[str, ...], data: st.DataObject
) -> None:
    rows = data.draw(random_rows.tables(END))
    rows["orders"].append(order("ann", "2020-01-01", 5))  # no day lies before the first order
    if not versioned:
        rows = {name: first_versions(name, some) for name, some in rows.items()}
    made = sources(connect(threads=1), rows, versioned=versioned)
    known_at = data.draw(st.sampled_from((None, datetime(2026, 5, 15))))
    snapshots = [Snapshot.at(day, known_at) for day in DAYS]
    place = data.draw(st.sampled_from(range(len(snapshots))))
    together = frames(made, snapshots)[place]
    alone = frames(made, [snapshots[place]])[0]
    for name in alone.column_names:
        assert together[name].to_pylist() == alone[name].to_pylist(), name


def first_versions(name: str, rows: list[Row]) -> list[Row]:
    keys = {"orders": "order_id", "market": "occurred_at"}
    key = keys.get(name, f"{name.removesuffix('s')}_id")
    return list({row[key]: row for row in reversed(rows)}.values())


def test_a_late_record_moves_the_first_purchase_of_a_category(connection: BaseBackend) -> None:
    early = order("a", "2025-10-01", 5, category="tea", recorded_at=datetime(2026, 5, 1))
    rows = [order("a", "2025-09-01", 5), order("a", "2026-01-20", 5, category="tea"), early]
    made = sources(connection, {"orders": rows})
    found = frames(made, [Snapshot.at(date(2026, 1, 31)), Snapshot.at(date(2026, 1, 31), END)])
    assert found[0]["new_category_count_90d"].to_pylist() == [1.0]
    assert found[1]["new_category_count_90d"].to_pylist() == [0.0]


def test_a_day_that_becomes_known_in_two_parts_is_one_purchase_day(
    connection: BaseBackend,
) -> None:
    rows = [
        order("a", "2026-01-10", 5),
        order("a", "2026-01-10", 7, order_id="late", recorded_at=datetime(2026, 4, 1)),
        order("a", "2026-01-25", 1),
    ]
    made = sources(connection, {"orders": rows})
    first, second, _ = frames(made, [Snapshot.at(day) for day in DAYS])
    assert first["repeat_count"].to_pylist() == second["repeat_count"].to_pylist() == [1.0]
    assert first["net_amount_total"].to_pylist() == [6.0]
    assert second["net_amount_total"].to_pylist() == [13.0]


def test_an_invoice_says_something_to_its_last_day(connection: BaseBackend) -> None:
    """For 365 days from issue and from falling due, and for as long as it is unpaid."""
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 1), date(2026, 3, 2)]

    def invoice(customer: str, issued: str, due: str, paid: str | None) -> Row:
        times = {"due_at": datetime.fromisoformat(due)}
        if paid is not None:
            times["paid_at"] = datetime.fromisoformat(paid)
        at = datetime.fromisoformat(issued)
        return {"invoice_id": customer, "customer_id": customer, "occurred_at": at, **times} | {
            "amount": 10
        }

    rows = {
        "orders": [
            order(customer, "2020-01-01", 5) for customer in ("old", "due", "owing", "ends")
        ],
        "invoices": [
            invoice("old", "2025-01-01", "2025-01-01", "2025-01-11"),
            invoice("due", "2024-03-02", "2025-03-02", "2025-02-01"),
            invoice("owing", "2021-01-01", "2021-02-01", None),
            invoice("ends", "2021-01-01", "2021-02-01", "2026-03-01"),
        ],
    }
    found = frames(sources(connection, rows), [Snapshot.at(day) for day in days])
    names = found[0]["customer_id"].to_pylist()

    def told(customer: str, name: str) -> list[float | None]:
        return [frame[name].to_pylist()[names.index(customer)] for frame in found]

    assert told("old", "dso_days_365d") == [10.0, None, None, None]
    assert told("due", "on_time_collection_rate_365d") == [1.0, 1.0, 1.0, None]
    overdue = [1794.0, 1795.0, 1854.0, 1855.0]
    assert told("owing", "max_overdue_days") == overdue
    assert told("ends", "max_overdue_days")[:2] == overdue[:2]
    assert told("ends", "overdue_amount")[:2] == [10.0, 10.0]
    assert told("ends", "overdue_amount")[2] == told("old", "overdue_amount")[2]


def test_it_leaves_nothing_behind(connection: BaseBackend) -> None:
    before = relations(connection)
    made = sources(connection, {"orders": [order("a", "2026-01-10", 5)]})
    with History(made, [Snapshot.at(DAYS[0])]) as history:
        history.at(Snapshot.at(DAYS[0]))
        assert relations(connection) > before
    assert relations(connection) == before


def test_a_snapshot_it_was_not_folded_for_is_refused(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-01-10", 5)]})
    with (
        History(made, [Snapshot.at(DAYS[0])]) as history,
        pytest.raises(SnapshotError, match="not folded for 2026-04-30"),
    ):
        history.at(Snapshot.at(DAYS[1]))


def test_axes_that_order_the_snapshots_differently_are_refused(connection: BaseBackend) -> None:
    made = sources(connection, {"orders": [order("a", "2026-01-10", 5)]})
    known_first = Snapshot.at(DAYS[0], END + timedelta(days=9))
    with pytest.raises(SnapshotError, match="2026-04-30 is known earlier than that of 2026-01-31"):
        History(made, [Snapshot.at(DAYS[1]), known_first])
    with pytest.raises(SnapshotError, match="needs a snapshot"):
        History(made, [])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 24])
def test_the_position_is_the_number_of_limits_before_a_moment(
    connection: BaseBackend, count: int
) -> None:
    limits = [datetime(2026, 1, 1) + timedelta(days=7 * i) for i in range(count)]
    tick = timedelta(microseconds=1)
    moments = [at for limit in limits for at in (limit - tick, limit, limit + tick)]
    made = connection.create_table(
        f"moments_{count}", pa.table({"at": pa.array([*moments, None], pa.timestamp("us"))})
    )
    found = connection.to_pyarrow(made.select(made["at"], n=position(made["at"], limits)))
    for moment, n in zip(found["at"].to_pylist(), found["n"].to_pylist(), strict=True):
        assert n == (0 if moment is None else sum(limit < moment for limit in limits))


def test_no_indicator_asks_for_rows_that_a_snapshot_no_longer_reads() -> None:
    windows: dict[str, list[int]] = {}
    for each in CATALOGUE.values():
        for table in {column.split(".")[0] for column in each.source}:
            windows.setdefault(table, []).append(window_days(each.window))
    assert REACH
    for table, days in REACH.items():
        assert max(windows[table]) == days, f"{table}: change REACH in features/sights.py"
