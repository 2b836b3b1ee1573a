from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import ContractError, SourceNotFoundError
from features.parquet import (
    Outcomes,
    atomic_path,
    read_frame,
    read_outcomes,
    write_frame,
    write_outcomes,
)
from features.schema import IndicatorFrame

FRAME = IndicatorFrame(
    as_of=date(2026, 3, 31),
    customer_id=np.array(["a", "b", "客户"]),
    columns=("net_amount_30d", "dso_days_365d"),
    values=np.array([[1 / 3, np.nan], [-0.0, 1e-300], [np.nan, 7.0]]),
)
OUTCOMES = Outcomes(
    as_of=date(2026, 3, 31),
    horizon_days=90,
    customer_id=np.array(["a", "b"]),
    churned=np.array([True, False]),
    net_value=np.array([0.1 + 0.2, -5.0]),
    contribution=np.array([-1 / 3, np.nan]),
    contract_lapsed=np.array([np.nan, 1.0]),
)


def test_a_frame_comes_back_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "indicators" / "2026-03-31.parquet"
    write_frame(FRAME, path)
    found = read_frame(path)
    assert (found.as_of, found.columns) == (FRAME.as_of, FRAME.columns)
    assert found.customer_id.tolist() == FRAME.customer_id.tolist()
    assert found.values.dtype == np.float64
    assert np.array_equal(found.values, FRAME.values, equal_nan=True)
    assert np.signbit(found.values[1, 0])


def test_unknown_is_null_for_other_readers(tmp_path: Path) -> None:
    write_frame(FRAME, tmp_path / "f.parquet")
    assert pq.read_table(tmp_path / "f.parquet")["dso_days_365d"].null_count == 1


def test_a_frame_without_customers_keeps_its_columns(tmp_path: Path) -> None:
    empty = IndicatorFrame(FRAME.as_of, np.array([], dtype=np.str_), ("x",), np.empty((0, 1)))
    write_frame(empty, tmp_path / "f.parquet")
    found = read_frame(tmp_path / "f.parquet")
    assert (len(found), found.columns, found.values.shape) == (0, ("x",), (0, 1))
    assert found.customer_id.dtype.kind == "U"


def test_outcomes_come_back_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    write_outcomes(OUTCOMES, path)
    found = read_outcomes(path)
    assert (found.as_of, found.horizon_days, len(found)) == (OUTCOMES.as_of, 90, 2)
    assert found.customer_id.tolist() == ["a", "b"]
    assert found.churned.dtype == np.bool_
    assert found.churned.tolist() == [True, False]
    assert found.net_value.tolist() == OUTCOMES.net_value.tolist()
    for name in ("contribution", "contract_lapsed"):
        assert np.array_equal(getattr(found, name), getattr(OUTCOMES, name), equal_nan=True)


def test_outcomes_of_an_earlier_version_leave_unknown_what_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    write_outcomes(OUTCOMES, path)
    pq.write_table(pq.read_table(path).drop(["contribution", "contract_lapsed"]), path)
    found = read_outcomes(path)
    assert found.net_value.tolist() == OUTCOMES.net_value.tolist()
    assert np.isnan(found.contribution).tolist() == [True, True]
    assert np.isnan(found.contract_lapsed).tolist() == [True, True]


def test_the_same_frame_gives_the_same_file(tmp_path: Path) -> None:
    write_frame(FRAME, tmp_path / "one.parquet")
    write_frame(FRAME, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no published file"):
        read_frame(tmp_path / "none.parquet")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    write_frame(FRAME, path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ContractError, match="cannot be read as Parquet"):
        read_frame(path)


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    write_frame(FRAME, tmp_path / "frame.parquet")
    with pytest.raises(ContractError, match="for another purpose"):
        read_outcomes(tmp_path / "frame.parquet")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(ContractError, match="not written by Tierwise"):
        read_frame(tmp_path / "foreign.parquet")


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with atomic_path(path) as part:
        part.write_text("new")
        assert not path.exists()
        assert part.parent == path.parent  # one file system, so the rename is atomic
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_remains(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyError), atomic_path(path) as part:  # noqa: PT012 - fails half-way
        part.write_text("half of the n")
        raise KeyError("power cut")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
