"""A third way to the same numbers: every indicator equals the pandas twin of the benchmark."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.contract import CONTRACT
from features.publish import materialise
from features.schema import CATALOGUE
from features.snapshot import Snapshot
from features.sources import Sources
from tests.benchmarks.pandas_twin import indicators, to_pandas
from tests.features import tiny

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=2)


@pytest.fixture(scope="module")
def company(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return tiny.company(connection, tmp_path_factory.mktemp("company") / "sources", 300)


@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot.at(date(2024, 3, 31)),
        Snapshot.at(date(2025, 9, 30)),
        Snapshot.at(date(2026, 6, 30), datetime(2026, 7, 3)),
        Snapshot.at(date(2026, 10, 31)),
    ],
)
def test_every_indicator_of_the_simulated_company(company: Sources, snapshot: Snapshot) -> None:
    measured = materialise(company, snapshot)
    tables = {name: to_pandas(table.to_pyarrow()) for name, table in company.tables.items()}
    twin = indicators(tables, snapshot.as_of, snapshot.known_at)
    assert set(tables) == set(CONTRACT)
    assert twin.index.tolist() == measured.customer_id.tolist()
    assert tuple(twin.columns) == tuple(CATALOGUE) == measured.columns
    if snapshot.day > date(2026, 1, 1):
        assert twin.notna().any().all()  # every indicator is compared on a number
    for name in CATALOGUE:
        np.testing.assert_allclose(
            measured.column(name), twin[name].to_numpy(), TOLERANCE, TOLERANCE, err_msg=name
        )


def test_the_latest_known_version_counts(connection: BaseBackend) -> None:
    first = tiny.order("ann", "2026-03-01", 100.0, category="tea")
    first = dict(first) | {"recorded_at": datetime(2026, 3, 2)}
    again = first | {"net_amount": 70.0, "recorded_at": datetime(2026, 5, 1)}
    rows: dict[str, list[tiny.Row]] = {name: [] for name in CONTRACT} | {"orders": [first, again]}
    tables = {name: to_pandas(tiny.arrow(name, rows[name])) for name in CONTRACT}
    for known_at, amount in ((datetime(2026, 4, 1), 100.0), (datetime(2026, 6, 1), 70.0)):
        snapshot = Snapshot.at(date(2026, 3, 31), known_at)
        twin = indicators(tables, snapshot.as_of, known_at, versioned=["orders"])
        made = tiny.sources(connection, rows, versioned=["orders"])
        assert twin["net_amount_total"].tolist() == [amount]
        assert materialise(made, snapshot).column("net_amount_total").tolist() == [amount]
