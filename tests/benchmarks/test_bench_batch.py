"""The nightly batch, from a frame to a committed run, against scoring alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.scoring import basis_of, grade
from serving.store.grades import Grades
from serving.store.session import Database
from tests.benchmarks.conftest import World
from tests.benchmarks.measure import Ledger, Task

pytestmark = pytest.mark.bench

AREA = "Batch"


@dataclass
class Nights:
    """Batches, each into an empty store of its own; making the store is not timed."""

    world: World
    folder: Path
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    database: Database | None = None

    def open(self) -> None:
        self.close()
        self.database = Database(f"sqlite:///{self.folder / f'{next(self.numbers)}.db'}")
        self.database.upgrade()

    def grade(self) -> int:
        assert self.database is not None
        return run_batch(self.world.bundle, self.world.frame, self.database).run.customers

    def close(self) -> None:
        if self.database is not None:
            self.database.dispose()


def test_batch(world: World, ledger: Ledger, tmp_path: Path) -> None:
    bundle, frame = world.bundle, world.frame
    nights = Nights(world, tmp_path)
    ledger.race(
        AREA,
        Task("`bundle.score`", lambda: bundle.score(frame.values)),
        [
            Task("`run_batch` into an empty SQLite store", nights.grade, before=nights.open),
            Task("… of it, `grade`: decide and explain", lambda: graded(world, frame)),
        ],
        rounds=3,
        items=len(frame),
        unit="customers",
    )
    assert nights.database is not None
    with nights.database.read() as session:
        run = Grades(session).current_run()
    assert run is not None
    assert run.customers == len(frame)
    nights.close()


def graded(world: World, frame: IndicatorFrame) -> int:
    basis = basis_of(world.bundle, frame.as_of, "bench")
    found = grade(world.bundle, frame.values, frame.customer_id.tolist(), basis)
    return len(found.grades)
