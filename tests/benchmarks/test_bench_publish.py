"""One snapshot of all indicators against hand-written SQL on the same connection."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from features.frame import indicator_frame
from features.history import History
from features.publish import materialise, publish
from features.schema import CATALOGUE
from features.snapshot import Snapshot
from features.sources import Sources
from tests.benchmarks.conftest import World
from tests.benchmarks.handwritten import run
from tests.benchmarks.measure import Ledger, Task, footprint
from tests.features.test_dimensions_against_sql import to_floats
from tests.features.tiny import named

pytestmark = pytest.mark.bench

SNAPSHOTS = 6
AREA = "Indicators"
BASELINE = "5 hand-written queries"


@pytest.fixture(scope="module")
def tables(world: World) -> Sources:
    """The sources as tables of the engine, under the names that the SQL uses."""
    return named(world.sources)


def test_one_snapshot(world: World, tables: Sources, ledger: Ledger) -> None:
    snapshot = Snapshot.at(world.days[-1])
    link = tables.connection
    measured = materialise(tables, snapshot)
    checked = 0
    for table in run(tables, snapshot):
        assert table["customer_id"].to_pylist() == measured.customer_id.tolist()
        for name in table.column_names[1:]:
            if all(tables.has(column) for column in CATALOGUE[name].source):
                got = measured.values[:, measured.columns.index(name)]
                np.testing.assert_allclose(got, to_floats(table[name]), 1e-9, 1e-9, err_msg=name)
                checked += 1
    assert checked > 0

    with History(tables, [snapshot]) as history:
        compiled = link.compile(indicator_frame(history.at(snapshot), history.codes))
        ledger.race(
            AREA,
            Task(BASELINE, lambda: run(tables, snapshot)),
            [
                Task("1 snapshot, `materialise`", lambda: materialise(tables, snapshot)),
                Task("… of it, folding the sources", lambda: fold(tables, snapshot)),
                Task(
                    "… of it, building and compiling the query",
                    lambda: link.compile(indicator_frame(history.at(snapshot), history.codes)),
                ),
                Task(
                    "… of it, the compiled query",
                    lambda: link.con.execute(compiled).to_arrow_table(),
                ),
            ],
            rounds=3,
            items=len(measured),
            unit="customers",
        )


def fold(tables: Sources, snapshot: Snapshot) -> None:
    with History(tables, [snapshot]):
        pass


def test_many_snapshots(world: World, tables: Sources, ledger: Ledger, tmp_path: Path) -> None:
    days = world.days[-SNAPSHOTS:]
    assert len(days) == SNAPSHOTS
    folders = itertools.count()
    ledger.race(
        AREA,
        Task(
            f"{BASELINE}, {SNAPSHOTS} times",
            lambda: [run(tables, Snapshot.at(day)) for day in days],
        ),
        [
            Task(
                f"{SNAPSHOTS} snapshots, `publish` from Parquet to Parquet",
                lambda: publish(world.sources, tmp_path / str(next(folders)), days, ()),
            )
        ],
        rounds=3,
        items=SNAPSHOTS * len(world.frame),
        unit="customers",
        warm=False,
    )
    assert len(list((tmp_path / "0").glob("indicators/*.parquet"))) == SNAPSHOTS


def test_memory_of_one_snapshot(world: World, ledger: Ledger) -> None:
    folder, day = world.bundle_dir.parent / "sources", str(world.days[-1])
    floor, product = footprint("oracles", folder, day), footprint("snapshot", folder, day)
    if floor is None or product is None:
        pytest.skip("the system does not tell the peak memory of a process")
    ledger.weigh((BASELINE, floor), {"1 snapshot, `materialise`": product})
    assert product > 0
