"""The training set: aligned with what was published, or a clear error."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.parquet import Outcomes, write_frame, write_outcomes
from features.schema import IndicatorFrame
from training.dataset import (
    TrainingSet,
    challenged,
    eligible,
    learned_from,
    load_training_set,
)
from training.errors import DatasetError
from training.recipe import Eligibility

COLUMNS = ("days_since_last_order", "tenure_days", "net_amount_90d")
RULE = Eligibility(active_within_days=100, min_tenure_days=10)
D1, D2 = date(2025, 1, 31), date(2025, 2, 28)


def _publish(folder: Path) -> None:
    for day, ids in ((D1, ["a", "b"]), (D2, ["a", "b", "c"])):
        n = len(ids)
        values = np.column_stack([np.arange(n) * 99.0, np.full(n, 50.0), np.arange(n) * 1.5])
        frame = IndicatorFrame(day, np.array(ids), COLUMNS, values)
        write_frame(frame, folder / "indicators" / f"{day}.parquet")
        churned = np.arange(n) % 2 == 1
        outcomes = Outcomes(day, 30, np.array(ids), churned, np.arange(n) * 10.0)
        write_outcomes(outcomes, folder / "outcomes" / f"{day}-30d.parquet")
        if day == D1:
            longer = Outcomes(day, 60, np.array(ids), churned, np.arange(n) * 20.0)
            write_outcomes(longer, folder / "outcomes" / f"{day}-60d.parquet")


@pytest.fixture
def loaded(tmp_path: Path) -> TrainingSet:
    _publish(tmp_path)
    return load_training_set(tmp_path, [D2, D1], 30, 60, RULE)


def test_days_are_stacked_in_order_with_their_outcomes(loaded: TrainingSet) -> None:
    assert len(loaded) == 5
    assert loaded.customer_id.tolist() == ["a", "b", "a", "b", "c"]
    assert loaded.as_of.tolist() == [D1, D1, D2, D2, D2]
    assert loaded.churned.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0]
    assert loaded.column("net_amount_90d").tolist() == [0.0, 1.5, 0.0, 1.5, 3.0]


def test_an_outcome_that_is_not_closed_is_unknown(loaded: TrainingSet) -> None:
    assert loaded.net_value[:2].tolist() == [0.0, 20.0]
    assert np.isnan(loaded.net_value[2:]).all()


def test_eligibility_marks_but_keeps(loaded: TrainingSet) -> None:
    assert loaded.eligible.tolist() == [True, True, True, True, False]
    assert len(loaded.where(loaded.eligible)) == 4


def test_unknown_recency_is_not_eligible() -> None:
    values = np.array([[np.nan, 50.0], [5.0, np.nan], [100.0, 10.0], [101.0, 10.0]])
    assert eligible(values, COLUMNS[:2], RULE).tolist() == [False, False, True, False]


def test_a_jump_is_not_learned_from_but_kept(loaded: TrainingSet) -> None:
    names = (*COLUMNS, "net_amount_jump_365d", "jump_explained_365d")
    jumps = np.array([[10.0, 0.0], [9.0, 0.0], [50.0, 1.0], [50.0, np.nan], [50.0, 0.0]])
    data = replace(loaded, columns=names, values=np.hstack([loaded.values, jumps]))
    rule = RULE.model_copy(update={"max_jump_ratio": 10.0})
    assert challenged(data.values, names, rule).tolist() == [True, False, False, True, True]
    learned = learned_from(data, rule)
    assert learned.eligible.tolist() == [False, True, True, False, False]
    assert len(learned) == len(data)
    assert data.eligible.tolist() == [True, True, True, True, False]
    assert learned_from(data, RULE).eligible.tolist() == data.eligible.tolist()
    # Frames published before jumps were measured have no such columns.
    assert not challenged(loaded.values, COLUMNS, rule).any()


def test_rows_of_days(loaded: TrainingSet) -> None:
    assert loaded.on(D1).customer_id.tolist() == ["a", "b"]
    assert len(loaded.on([D1, D2])) == 5
    with pytest.raises(DatasetError, match="2024-12-31"):
        loaded.on([D1, date(2024, 12, 31)])
    both = loaded.rows([D1, D2])
    assert both.sum() == 5
    some = loaded.some(both & (loaded.customer_id == "a"), COLUMNS[1::-1])
    first = [loaded.column(name)[loaded.customer_id == "a"] for name in COLUMNS[1::-1]]
    assert np.array_equal(some, np.column_stack(first), equal_nan=True)


def test_a_missing_frame_is_told(tmp_path: Path) -> None:
    _publish(tmp_path)
    with pytest.raises(DatasetError, match="no published frame of 2025-03-31"):
        load_training_set(tmp_path, [D1, date(2025, 3, 31)], 30, 60, RULE)


def test_no_days_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No snapshot days"):
        load_training_set(tmp_path, [], 30, 60, RULE)


def test_outcomes_of_others_are_refused(tmp_path: Path) -> None:
    _publish(tmp_path)
    other = Outcomes(D1, 30, np.array(["a", "x"]), np.zeros(2, dtype=bool), np.zeros(2))
    write_outcomes(other, tmp_path / "outcomes" / f"{D1}-30d.parquet")
    with pytest.raises(DatasetError, match="other customers"):
        load_training_set(tmp_path, [D1], 30, 60, RULE)


def test_frames_must_have_the_same_columns(tmp_path: Path) -> None:
    _publish(tmp_path)
    frame = IndicatorFrame(D2, np.array(["a"]), COLUMNS[:2], np.ones((1, 2)))
    write_frame(frame, tmp_path / "indicators" / f"{D2}.parquet")
    with pytest.raises(DatasetError, match="other columns"):
        load_training_set(tmp_path, [D1, D2], 30, 60, RULE)
