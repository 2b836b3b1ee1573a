"""What must not change an indicator: the future, what was not known yet, the order of rows.

All ten tables, all indicators, exact equality of every bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.contract import CONTRACT
from features.publish import materialise
from features.schema import CATALOGUE, IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features import tiny

# The same code runs in every test of indicators; here it is only run again.
pytestmark = [pytest.mark.long, pytest.mark.no_cover]

SNAPSHOT = Snapshot.at(date(2026, 2, 28))
LATER_KNOWN = Snapshot.at(date(2026, 2, 28), datetime(2026, 4, 15))
MOMENTS = {
    table.name: tuple(dict.fromkeys((table.event_time, "recorded_at", *table.of_kind("timestamp"))))
    for table in CONTRACT.values()
}


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=2)


@pytest.fixture(scope="module")
def company(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    sources = tiny.company(connection, tmp_path_factory.mktemp("company") / "sources")
    # Every table may hold versions, so that additions may be corrections of known rows.
    info = replace(sources.info, versioned=dict.fromkeys(sources.tables, True))
    return replace(sources, info=info)


@pytest.fixture(scope="module")
def before(company: Sources) -> IndicatorFrame:
    frame = materialise(company, SNAPSHOT)
    assert frame.columns == tuple(CATALOGUE)
    assert not np.isnan(frame.values).all(axis=0).any()  # every indicator is put to the test
    return frame


@pytest.fixture(scope="module")
def before_known_later(company: Sources) -> IndicatorFrame:
    return materialise(company, LATER_KNOWN)


def changed(sources: Sources, change: Callable[[str, pa.Table], pa.Table]) -> Sources:
    """Return sources whose tables went through ``change``."""
    link = sources.connection
    tables = {}
    for name, table in sources.tables.items():
        arrow = change(name, link.to_pyarrow(table.order_by(table.columns)))
        tables[name] = link.create_table(f"changed_{name}", arrow, overwrite=True)
    return sources.replace(**tables)


def assert_identical(one: IndicatorFrame, other: IndicatorFrame) -> None:
    assert one.customer_id.tolist() == other.customer_id.tolist()
    for position, name in enumerate(one.columns):
        same = np.array_equal(one.values[:, position], other.values[:, position], equal_nan=True)
        assert same, name


def shifted(rows: pa.Table, name: str, by: timedelta) -> pa.Table:
    """Return rows that happened and were recorded later."""
    for column in MOMENTS[name]:
        position = rows.schema.get_field_index(column)
        moved = pc.add(rows[column], pa.scalar(by, pa.duration("us"))).cast(pa.timestamp("us"))
        rows = rows.set_column(position, column, moved)
    return rows


def renamed(rows: pa.Table, name: str, prefix: str) -> pa.Table:
    """Return rows under keys of their own; the market's are told apart by their time."""
    if name == "market":
        return rows
    key = CONTRACT[name].key[0]
    position = rows.schema.get_field_index(key)
    return rows.set_column(position, key, pc.binary_join_element_wise(prefix, rows[key], ""))


def visible(rows: pa.Table, name: str, snapshot: Snapshot) -> pa.Table:
    """Return the rows that had happened."""
    return rows.filter(pc.less_equal(rows[MOMENTS[name][0]], pa.scalar(snapshot.as_of)))


def test_rows_after_as_of_change_nothing(company: Sources, before: IndicatorFrame) -> None:
    def add_future(name: str, rows: pa.Table) -> pa.Table:
        # A copy of all history, from one microsecond after as_of on, for the same customers.
        past = visible(rows, name, SNAPSHOT)
        start = pc.min(past[MOMENTS[name][0]]).as_py()
        by = SNAPSHOT.as_of - start + timedelta(microseconds=1)
        future = shifted(past, name, by)
        if name != "customers":
            future = renamed(future, name, "future ")
        assert pc.min(future[MOMENTS[name][0]]).as_py() > SNAPSHOT.as_of
        return pa.concat_tables([rows, future])

    assert_identical(before, materialise(changed(company, add_future), SNAPSHOT))


def test_without_rows_after_as_of_nothing_is_missing(
    company: Sources, before: IndicatorFrame
) -> None:
    def drop_future(name: str, rows: pa.Table) -> pa.Table:
        return visible(rows, name, SNAPSHOT)

    assert_identical(before, materialise(changed(company, drop_future), SNAPSHOT))


def test_rows_after_as_of_change_nothing_however_early_they_are_said_to_be_known(
    company: Sources, before: IndicatorFrame, before_known_later: IndicatorFrame
) -> None:
    def add_known_future(name: str, rows: pa.Table) -> pa.Table:
        future = renamed(shifted(rows, name, timedelta(days=3_000)), name, "future ")
        position = future.schema.get_field_index("recorded_at")
        known = pa.array([SNAPSHOT.as_of] * future.num_rows, pa.timestamp("us"))
        return pa.concat_tables([rows, future.set_column(position, "recorded_at", known)])

    future = changed(company, add_known_future)
    assert_identical(before, materialise(future, SNAPSHOT))
    assert_identical(before_known_later, materialise(future, LATER_KNOWN))


@pytest.mark.parametrize(
    ("snapshot", "fixture"),
    [(SNAPSHOT, "before"), (LATER_KNOWN, "before_known_later")],
    ids=["at once", "known later"],
)
def test_rows_recorded_after_known_at_change_nothing(
    company: Sources, snapshot: Snapshot, fixture: str, request: pytest.FixtureRequest
) -> None:
    def add_unknown(name: str, rows: pa.Table) -> pa.Table:
        # Late records of new events, and later versions of events already known.
        past = visible(rows, name, snapshot)
        position = past.schema.get_field_index("recorded_at")
        late = pa.array([snapshot.known_at + timedelta(microseconds=1)] * past.num_rows)
        unknown = past.set_column(position, "recorded_at", late.cast(pa.timestamp("us")))
        for amount in {"net_amount", "amount"} & set(unknown.column_names):
            zero = pc.multiply(unknown[amount], pa.scalar(0)).cast(pa.decimal128(18, 4))
            unknown = unknown.set_column(unknown.schema.get_field_index(amount), amount, zero)
        if name in ("customers", "market"):  # what is known of them late is always a version
            return pa.concat_tables([rows, unknown])
        return pa.concat_tables([rows, unknown, renamed(unknown, name, "late ")])

    after = materialise(changed(company, add_unknown), snapshot)
    assert_identical(request.getfixturevalue(fixture), after)


def test_what_a_row_gained_after_as_of_changes_nothing(
    company: Sources, before: IndicatorFrame
) -> None:
    def forget_later_news(name: str, rows: pa.Table) -> pa.Table:
        later = {
            column.name: pc.greater(rows[column.known_from], pa.scalar(SNAPSHOT.as_of))
            for column in CONTRACT[name].columns
            if column.known_from is not None
        }
        for column, unknown in later.items():
            early = pc.invert(pc.fill_null(unknown, False))
            masked = pc.if_else(early, rows[column], pa.scalar(None, rows[column].type))
            rows = rows.set_column(rows.schema.get_field_index(column), column, masked)
        return rows

    assert_identical(before, materialise(changed(company, forget_later_news), SNAPSHOT))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_changes_nothing(
    company: Sources, before: IndicatorFrame, seed: int
) -> None:
    rng = np.random.default_rng(seed)

    def shuffle(_name: str, rows: pa.Table) -> pa.Table:
        return rows.take(rng.permutation(rows.num_rows))

    assert_identical(before, materialise(changed(company, shuffle), SNAPSHOT))


def test_the_checks_above_can_fail(company: Sources, before: IndicatorFrame) -> None:
    def add_visible(name: str, rows: pa.Table) -> pa.Table:
        twice = renamed(visible(rows, name, SNAPSHOT), name, "again ")
        return pa.concat_tables([rows, twice])

    after = materialise(changed(company, add_visible), SNAPSHOT)
    moved = {
        name
        for k, name in enumerate(before.columns)
        if not np.array_equal(before.values[:, k], after.values[:, k], equal_nan=True)
    }
    assert {"net_amount_30d", "overdue_amount", "complaint_count_180d"} <= moved
    assert "inbound_interaction_count_180d" in moved
