"""Revision 0006 with data: JSON to bytes and back, and not a bit of a number is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from features.schema import IndicatorFrame
from serving.batch import run_batch
from serving.replay import replay
from serving.store.session import Database
from tests.blank_store import blank_store
from training.bundle import Bundle

JSON_COLUMNS = {
    "grade": ("indicators", "dimension_scores"),
    "grade_explanation": ("contributions", "points", "weights", "percentiles"),
}


def rows(database: Database, table: str) -> dict[str, dict[str, Any]]:
    with create_engine(database.label).connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {table}")).mappings()
        return {row["grade_id"]: dict(row) for row in found}


@pytest.fixture
def store(tmp_path: Path, served_bundle: Bundle, frame: IndicatorFrame) -> Database:
    database = blank_store(f"sqlite:///{tmp_path / 'store.db'}")
    run_batch(served_bundle, frame, database)
    return database


def test_numbers_survive_the_way_down_and_up(
    store: Database, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    with store.read() as session:
        from serving.store.grades import Grades

        run = Grades(session).current_run()
        assert run is not None
        told = {g.grade_id: (g, e) for g, e in Grades(session).with_evidence(run)}
    packed = {table: rows(store, table) for table in JSON_COLUMNS}
    store.downgrade("0005")
    for grade_id, row in rows(store, "grade").items():
        grade, _ = told[grade_id]
        assert json.loads(row["indicators"]) == dict(grade.indicators)
        assert list(json.loads(row["indicators"])) == list(run.columns)
        assert json.loads(row["dimension_scores"]) == dict(grade.dimension_scores)
    for grade_id, row in rows(store, "grade_explanation").items():
        _, evidence = told[grade_id]
        assert json.loads(row["contributions"]) == evidence.contributions
        assert json.loads(row["points"]) == evidence.points
        assert json.loads(row["weights"]) == evidence.weights
        assert json.loads(row["percentiles"]) == evidence.percentiles
    store.upgrade()
    assert {table: rows(store, table) for table in JSON_COLUMNS} == packed
    with store.read() as session:
        again = Grades(session).current_run()
        assert again == run
        assert replay(session, run, frame, served_bundle).stands


def test_an_empty_store_goes_down_and_up(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    database.upgrade()
    database.downgrade("0005")
    database.upgrade()
    assert database.is_current()
