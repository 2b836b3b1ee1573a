"""Every indicator of every dimension equals hand-written SQL over the raw tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from features.backends import connect
from features.contract import CONTRACT
from features.frame import DIMENSIONS, indicator_frame
from features.schema import CATALOGUE, FloatArray, names
from features.snapshot import Snapshot
from features.sources import Sources, ingest, open_sources
from features.worlds import journey
from tests.features import tiny

TOLERANCE = 1e-9

END_OF_DAY = Snapshot.at(date(2026, 6, 30))
MIDDAY = Snapshot(datetime(2026, 6, 30, 13, 20, 7, 45), datetime(2026, 6, 30, 13, 20, 7, 45))


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


def named(sources: Sources) -> Sources:
    """Give the tables the names the SQL uses; absent ones are empty there."""
    link = sources.connection
    for name in CONTRACT:
        table = sources.table(name)
        rows = tiny.arrow(name, []) if table is None else link.to_pyarrow(table)
        link.create_table(name, rows, overwrite=True)
    return replace(sources, tables={name: link.table(name) for name in sources.tables})


def check(sources: Sources, snapshot: Snapshot) -> dict[str, FloatArray]:
    customers, expected = oracle(sources, snapshot)
    measured = sources.connection.to_pyarrow(indicator_frame(sources, snapshot))
    assert_same(measured, customers, expected)
    return expected


@pytest.fixture(scope="module")
def company(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return named(tiny.company(connection, tmp_path_factory.mktemp("company") / "sources"))


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


def test_simulated_company_at_midday(company: Sources) -> None:
    moment = datetime(2026, 3, 31, 12, 30, 15, 250)
    check(company, Snapshot(moment, moment))


@pytest.fixture(scope="module")
def households(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Every fortieth household of the Complete Journey."""
    raw = journey.tables(connection).tables
    some = {
        name: table.filter(table.customer_id.cast("int64") % 40 == 7) for name, table in raw.items()
    }
    folder = tmp_path_factory.mktemp("households") / "sources"
    ingest(some, folder, connection=connection, world="journey", currency="USD")
    return named(open_sources(folder, connection))


@pytest.mark.parametrize("day", [date(2017, 4, 30), date(2017, 12, 31)])
def test_real_households(households: Sources, day: date) -> None:
    expected = check(households, Snapshot.at(day))
    assert len(expected["net_amount_total"]) > 50
    assert np.isnan(expected["return_rate_365d"]).all()  # the log has no returns


# Random small tables, dense at the edges: window ends, as_of and one microsecond after it,
# late records, versions of one key, returns only, a day shared by two orders.

EDGES = (0, 30, 60, 90, 120, 150, 180, 275, 360, 365)
SLIPS = (timedelta(0), timedelta(microseconds=1), timedelta(hours=11), timedelta(days=1))


def moments(as_of: datetime) -> st.SearchStrategy[datetime]:
    at_edge = st.builds(
        lambda edge, slip, sign: as_of - timedelta(days=edge) + sign * slip,
        st.sampled_from(EDGES),
        st.sampled_from(SLIPS),
        st.sampled_from((-1, 1)),
    )
    anywhere = st.integers(-40, 800).map(lambda days: as_of - timedelta(days=days, hours=3))
    return st.one_of(at_edge, anywhere)


def lateness() -> st.SearchStrategy[timedelta]:
    return st.sampled_from((timedelta(0), timedelta(0), timedelta(days=2), timedelta(days=200)))


CUSTOMERS = st.sampled_from(("ann", "bob", "cy", "dee"))
MONEY = st.sampled_from(tuple(Decimal(a) for a in ("0", "0.01", "12.50", "19.99", "250", "1e6")))
FLAG = st.sampled_from((True, False, False, False))
MAYBE = st.one_of(st.none(), MONEY)


@st.composite
def order_rows(draw: st.DrawFn, as_of: datetime) -> list[tiny.Row]:
    rows: list[tiny.Row] = []
    for number in range(draw(st.integers(6, 24))):
        moment, is_return, amount = draw(moments(as_of)), draw(FLAG), draw(MONEY)
        first = {
            "order_id": f"O{number}",
            "customer_id": draw(CUSTOMERS),
            "occurred_at": moment,
            "recorded_at": moment + draw(lateness()),
            "net_amount": -amount if is_return else amount,
            "discount": draw(MAYBE),
            "cost": draw(MAYBE),
            "category": draw(st.sampled_from(("tea", "salt", None))),
            "is_return": is_return,
            "is_cancelled": draw(FLAG),
        }
        rows.append(first)
        if draw(FLAG):
            later = first["recorded_at"] + timedelta(days=draw(st.integers(1, 90)))
            rows.append(first | {"recorded_at": later, "is_cancelled": draw(FLAG)})
    return rows


@st.composite
def other_rows(draw: st.DrawFn, as_of: datetime) -> dict[str, list[tiny.Row]]:
    rows: dict[str, list[tiny.Row]] = {"invoices": [], "tickets": [], "interactions": []}
    for number in range(draw(st.integers(0, 8))):
        moment, paid = draw(moments(as_of)), draw(st.none() | st.integers(0, 200))
        invoice = {
            "invoice_id": f"I{number}",
            "customer_id": draw(CUSTOMERS),
            "occurred_at": moment,
            "recorded_at": moment + draw(lateness()),
            "due_at": moment + timedelta(days=draw(st.sampled_from((0, 30, 60)))),
            "paid_at": None if paid is None else moment + timedelta(days=paid),
            "amount": draw(MONEY),
        }
        rows["invoices"].append(invoice)
        if draw(FLAG):
            again = invoice["recorded_at"] + timedelta(days=9)
            rows["invoices"].append(invoice | {"recorded_at": again, "paid_at": again})
    for number in range(draw(st.integers(0, 8))):
        moment, hours = draw(moments(as_of)), draw(st.none() | st.integers(0, 2_000))
        rows["tickets"].append(
            {
                "ticket_id": f"T{number}",
                "customer_id": draw(CUSTOMERS),
                "occurred_at": moment,
                "recorded_at": moment + draw(lateness()),
                "resolved_at": None if hours is None else moment + timedelta(hours=hours),
                "is_complaint": draw(st.booleans()),
                "csat": draw(st.none() | st.floats(0, 100)),
            }
        )
    for number in range(draw(st.integers(0, 8))):
        moment = draw(moments(as_of))
        rows["interactions"].append(
            {
                "interaction_id": f"C{number}",
                "customer_id": draw(CUSTOMERS),
                "occurred_at": moment,
                "recorded_at": moment + draw(lateness()),
                "is_inbound": draw(st.booleans()),
            }
        )
    return rows


class Prepared:
    """Sources whose rows change, and the indicator query compiled once for them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.link = connect(threads=1)
        self.snapshot = snapshot
        first = tiny.order("nobody", "2000-01-01", 1)
        empty: dict[str, list[tiny.Row]] = {name: [] for name in CONTRACT}
        self.sources = tiny.sources(
            self.link, empty | {"orders": [first]}, versioned=("orders", "invoices")
        )
        self.query = self.link.compile(indicator_frame(self.sources, snapshot))

    def check(self, rows: Mapping[str, list[tiny.Row]]) -> None:
        for name in CONTRACT:
            arrow = tiny.arrow(name, rows.get(name, []))
            self.link.con.execute(f"DELETE FROM {name}")
            self.link.con.register("fresh", arrow).execute(f"INSERT INTO {name} FROM fresh")
        customers, expected = oracle(self.sources, self.snapshot)
        assert_same(self.link.con.execute(self.query).to_arrow_table(), customers, expected)


@pytest.fixture(scope="module", params=["end of day", "midday", "known later"])
def prepared(request: pytest.FixtureRequest) -> Prepared:
    known_later = Snapshot(END_OF_DAY.as_of, END_OF_DAY.as_of + timedelta(days=30))
    snapshots = {"end of day": END_OF_DAY, "midday": MIDDAY, "known later": known_later}
    return Prepared(snapshots[request.param])


# Not shrunk: an example takes a tenth of a second, and the message names the customers.
@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(data=st.data())
def test_random_edges(prepared: Prepared, data: st.DataObject) -> None:
    as_of = prepared.snapshot.as_of
    orders = data.draw(order_rows(as_of))
    prepared.check({"orders": orders} | data.draw(other_rows(as_of)))
