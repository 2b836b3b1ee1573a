from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import ContractError, DataError, EmptySourceError, SourceNotFoundError
from features.identity.records import Record, read_records
from features.identity.resolve import resolve


def test_records_are_read_from_csv_with_versions_and_aliases(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(
        "customer_id,name,aliases,region,recorded_at\n"
        "007,New Ltd,N1; N2|,Berlin,2026-02-01\n"
        "007,Old Ltd,,,2026-01-01\n"
        "001,Other,,,2026-01-01\n",
        "utf-8",
    )
    assert read_records(path) == [
        Record("001", "Other"),
        Record("007", "New Ltd", ("N1", "N2", "Old Ltd"), "Berlin"),
    ]


def test_aliases_may_be_lists(tmp_path: Path) -> None:
    rows = {"customer_id": [5], "name": ["A"], "aliases": [["B", "C"]], "city": [None]}
    pq.write_table(pa.table(rows), tmp_path / "customers.parquet")
    assert read_records(tmp_path) == [Record("5", "A", ("B", "C"))]


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("customer_id,nom\n1,a\n", ContractError, "no column name"),
        ("customer_id,name\n1,a\n,b\n", ContractError, "row 2 has no customer_id"),
        ("customer_id,name\n", EmptySourceError, "no row"),
        ("customer_id,name\n1,a,b\n", ContractError, "cannot be read"),
    ],
)
def test_faulty_files_are_told(
    tmp_path: Path, text: str, error: type[DataError], told: str
) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(error, match=told):
        read_records(path)


def test_missing_and_damaged_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match=r"customers\.parquet are not there"):
        read_records(tmp_path)
    (tmp_path / "id_map.parquet").write_bytes(b"nothing")
    with pytest.raises(ContractError, match="not an id map"):
        resolve([Record("1", "a")], tmp_path)
    (tmp_path / "id_map.parquet").unlink()
    pq.write_table(pa.table({"customer_id": ["1"]}), tmp_path / "id_map.parquet")
    with pytest.raises(ContractError, match="not an id map"):
        resolve([Record("1", "a")], tmp_path)
