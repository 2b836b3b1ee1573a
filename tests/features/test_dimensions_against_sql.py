"""Every indicator of every dimension equals hand-written SQL over the raw tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from ibis.backends import BaseBackend

from features.backends import connect
from features.frame import DIMENSIONS, indicator_frame
from features.history import History
from features.schema import CATALOGUE, FloatArray, names
from features.snapshot import Snapshot
from features.sources import Sources, ingest, open_sources
from features.worlds import journey
from tests.features import random_rows, tiny

pytestmark = pytest.mark.long

TOLERANCE = 1e-9

END_OF_DAY = Snapshot.at(date(2026, 6, 30))


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=2)


def oracle(sources: Sources, snapshot: Snapshot) -> tuple[list[str], dict[str, FloatArray]]:
    """Run the five SQL files; columns whose sources are not mapped are unknown throughout."""
    link = sources.connection
    parameters = {"as_of": snapshot.as_of, "known_at": snapshot.known_at}
    customers: list[str] | None = None
    columns: dict[str, FloatArray] = {}
    for dimension in DIMENSIONS:
        text = (tiny.ORACLES / f"{dimension}.sql").read_text("utf-8")
        table = link.con.execute(text, parameters).to_arrow_table()
        found = table["customer_id"].to_pylist()
        assert customers in (None, found)
        customers = found
        assert tuple(table.column_names[1:]) == names(dimension)
        for name in names(dimension):
            mapped = all(sources.has(column) for column in CATALOGUE[name].source)
            values = to_floats(table[name])
            columns[name] = values if mapped else np.full_like(values, np.nan)
    assert customers is not None
    return customers, columns


def to_floats(column: pa.ChunkedArray) -> FloatArray:
    return np.array([np.nan if v is None else float(v) for v in column.to_pylist()])


def assert_same(table: pa.Table, customers: list[str], expected: Mapping[str, FloatArray]) -> None:
    table = table.sort_by("customer_id")
    assert table["customer_id"].to_pylist() == customers
    for name, want in expected.items():
        got = to_floats(table[name])
        scale = np.maximum(1.0, np.abs(np.nan_to_num(want)))
        wrong = (np.isnan(got) != np.isnan(want)) | (np.abs(got - want) > TOLERANCE * scale)
        assert not wrong.any(), (
            f"{name}: {[(customers[i], got[i], want[i]) for i in np.flatnonzero(wrong)[:5]]}"
        )


def frame(sources: Sources, snapshot: Snapshot) -> pa.Table:
    with History(sources, [snapshot]) as history:
        return history.run(indicator_frame(history.at(snapshot), history.codes)).read_all()


def check(sources: Sources, snapshot: Snapshot) -> dict[str, FloatArray]:
    customers, expected = oracle(sources, snapshot)
    assert_same(frame(sources, snapshot), customers, expected)
    return expected


@pytest.fixture(scope="module")
def company(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return tiny.named(tiny.company(connection, tmp_path_factory.mktemp("company") / "sources"))


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2026, 8, 31), date(2026, 10, 31)])
def test_simulated_company(company: Sources, day: date) -> None:
    expected = check(company, Snapshot.at(day))
    if day > date(2025, 1, 1):
        silent = [name for name, values in expected.items() if np.isnan(values).all()]
        assert silent == []  # every indicator has been compared on a number


def test_simulated_company_as_known_later(company: Sources) -> None:
    orders = company.tables["orders"]
    late = orders.filter(orders.recorded_at.date() > orders.occurred_at.date())
    found = company.connection.to_pyarrow(late.order_by("order_id").limit(1)).to_pylist()[0]
    day = found["occurred_at"].date()
    then = check(company, Snapshot.at(day))
    now = check(company, Snapshot.at(day, datetime(2026, 10, 31)))
    assert then["net_amount_total"].sum() != now["net_amount_total"].sum()


@pytest.fixture(scope="module")
def households(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Every fortieth household of the Complete Journey."""
    raw = journey.tables(connection).tables
    some = {
        name: table.filter(table.customer_id.cast("int64") % 40 == 7) for name, table in raw.items()
    }
    folder = tmp_path_factory.mktemp("households") / "sources"
    ingest(some, folder, connection=connection, world="journey", currency="USD")
    return tiny.named(open_sources(folder, connection))


@pytest.mark.parametrize("day", [date(2017, 4, 30), date(2017, 12, 31)])
def test_real_households(households: Sources, day: date) -> None:
    expected = check(households, Snapshot.at(day))
    assert len(expected["net_amount_total"]) > 50
    assert np.isnan(expected["return_rate_365d"]).all()  # the log has no returns


# Random small tables (tests/features/random_rows.py). Not shrunk: an example takes a second,
# and the message names the customers. Not traced: the tests above run the same lines.
@pytest.mark.no_cover
@pytest.mark.parametrize("known_later", [False, True])
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(rows=random_rows.tables(END_OF_DAY.as_of))
def test_random_edges(known_later: bool, rows: dict[str, list[tiny.Row]]) -> None:
    known_at = END_OF_DAY.as_of + timedelta(days=30 if known_later else 0)
    made = tiny.sources(connect(threads=1), rows, versioned=random_rows.VERSIONED)
    check(made, Snapshot(END_OF_DAY.as_of, known_at))
