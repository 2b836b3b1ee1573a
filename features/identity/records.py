"""Customer records as the source has them: what is known of a company beside its orders."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from features.errors import ContractError, EmptySourceError, SourceNotFoundError

_FIELDS = ("name", "aliases", "city", "phone", "email", "tax_id")


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a customer, as the source has it; "" where unknown."""

    customer_id: str
    name: str
    aliases: tuple[str, ...] = ()
    city: str = ""
    phone: str = ""
    email: str = ""
    tax_id: str = ""


def read_records(path: Path) -> list[Record]:
    """Read customer records, sorted by id.

    Parameters
    ----------
    path
        A Parquet or CSV file, or the folder of ingested sources, with ``customer_id`` and
        ``name`` and what there is of ``aliases`` (a list, or text separated by ``;`` or ``|``),
        ``city`` (or ``region``), ``phone``, ``email`` and ``tax_id``. Of several versions of a
        customer (``recorded_at``) the last counts, and the names of the others are aliases.

    Raises
    ------
    SourceNotFoundError
        If it is not there.
    ContractError
        If ``customer_id`` or ``name`` is missing, or an id is.
    EmptySourceError
        If it has no row.
    """
    table = _table(path)
    missing = sorted({"customer_id", "name"} - set(table.column_names))
    if missing:
        raise ContractError(
            f"{path} has no column {', '.join(missing)}.",
            hint=f"It has: {', '.join(table.column_names)}.",
            path=str(path),
            missing=missing,
        )
    if "city" not in table.column_names and "region" in table.column_names:
        table = table.rename_columns(
            ["city" if name == "region" else name for name in table.column_names]
        )
    wanted = [n for n in ("customer_id", *_FIELDS, "recorded_at") if n in table.column_names]
    versions: dict[str, list[dict[str, object]]] = defaultdict(list)
    for number, row in enumerate(table.select(wanted).to_pylist(), start=1):
        if row["customer_id"] in (None, ""):
            raise ContractError(
                f"{path}: row {number} has no customer_id.",
                hint="Give every row an id, or leave the row out.",
                path=str(path),
                row=number,
            )
        versions[str(row["customer_id"])].append(row)
    if not versions:
        raise EmptySourceError(f"{path} has no row.", hint="Export it again.", path=str(path))
    return [_record(customer, versions[customer]) for customer in sorted(versions)]


def split_aliases(value: object) -> Iterable[str]:
    """Return the names in a list of them, or in text separated by ``;`` or ``|``."""
    parts = value if isinstance(value, list) else re.split(r"[;；|]", _text(value))
    return (_text(part).strip() for part in parts)


def _table(path: Path) -> pa.Table:
    file = path / "customers.parquet" if path.is_dir() else path
    if not file.is_file():
        raise SourceNotFoundError(
            f"The customers {file} are not there.",
            hint="Name a Parquet or CSV file, or the folder written by ingest.",
            path=str(file),
        )
    try:
        if file.suffix.lower() == ".parquet":
            return pq.read_table(file)
        with file.open(encoding="utf-8-sig", newline="") as stream:
            names = stream.readline().strip().replace('"', "").split(",")
        options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        return pyarrow.csv.read_csv(file, convert_options=options)
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise ContractError(
            f"{file} cannot be read: {str(error).splitlines()[0]}",
            hint="Export it as Parquet, or as CSV in UTF-8 with commas.",
            path=str(file),
        ) from error


def _record(customer: str, versions: list[dict[str, object]]) -> Record:
    """Return the last version of a customer; ties keep the order of the file."""
    ordered = sorted(versions, key=lambda row: str(row.get("recorded_at") or ""))
    last = ordered[-1]
    text = {field: _text(last.get(field)) for field in _FIELDS if field != "aliases"}
    former = {_text(row.get("name")) for row in ordered[:-1]}
    aliases = {alias for row in ordered for alias in split_aliases(row.get("aliases"))}
    others = tuple(sorted((former | aliases) - {text["name"], ""}))
    return Record(customer, aliases=others, **text)


def _text(value: object) -> str:
    return "" if value is None else str(value)
