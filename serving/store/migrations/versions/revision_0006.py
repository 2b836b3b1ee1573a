"""Numbers of grades as bytes, and what explained them.

Written for itself: what the service's own code does later must not change what this does.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_GRADE = ("indicators", "dimension_scores")
_EVIDENCE = ("contributions", "points", "weights", "percentiles")
_CHUNK = 500
_UNKNOWN, _NOTHING = math.nan, 0.0

Numbers = Sequence[float | None]
Row = sa.RowMapping
Change = Callable[[Row, Mapping[str, Any]], dict[str, Any]]


def upgrade() -> None:
    """Keep names once with the run, and write numbers as bytes."""
    op.add_column("run", sa.Column("columns", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "run", sa.Column("explainer", sa.Text(), nullable=False, server_default="lightgbm")
    )
    _name_columns()
    _change("grade", _GRADE, sa.LargeBinary(), _grade_packed)
    _change("grade_explanation", _EVIDENCE, sa.LargeBinary(), _evidence_packed)


def downgrade() -> None:
    """Write numbers as JSON again."""
    _change("grade_explanation", _EVIDENCE, sa.JSON(), _evidence_unpacked)
    _change("grade", _GRADE, sa.JSON(), _grade_unpacked)
    op.drop_column("run", "explainer")
    op.drop_column("run", "columns")


def _name_columns() -> None:
    """Give each run the names of its grades' indicators, in the order they were written."""
    link = op.get_bind()
    for run_id in link.execute(sa.text("SELECT run_id FROM run")).scalars().all():
        one = sa.text("SELECT indicators FROM grade WHERE run_id = :run LIMIT 1")
        first = _read(link.execute(one, {"run": run_id}).scalar() or "{}")
        link.execute(
            sa.text('UPDATE run SET "columns" = :names WHERE run_id = :run'),
            {"names": json.dumps(list(first)), "run": run_id},
        )


def _change(table: str, columns: Sequence[str], kind: Any, changed: Change) -> None:
    """Give columns another type, every row changed by what its run says of it."""
    link = op.get_bind()
    for name in columns:
        # The driver's empty text stands for no bytes, and is no document; it is nowhere left.
        nothing = "null" if isinstance(kind, sa.JSON) else ""
        op.add_column(table, sa.Column(f"new_{name}", kind, nullable=False, server_default=nothing))
    marks = ", ".join(f"new_{name} = :{name}" for name in columns)
    types = [sa.bindparam(name, type_=kind) for name in columns]
    update = sa.text(f"UPDATE {table} SET {marks} WHERE grade_id = :grade_id").bindparams(*types)
    runs = {
        run["run_id"]: {key: _read(run[key]) for key in ("layout", "dimensions", "columns")}
        for run in link.execute(sa.text("SELECT * FROM run")).mappings()
    }
    for rows in _rows(link, table, columns):
        link.execute(
            update,
            [{"grade_id": row["grade_id"], **changed(row, runs[row["run_id"]])} for row in rows],
        )
    for name in columns:
        op.drop_column(table, name)
        op.alter_column(table, f"new_{name}", new_column_name=name)
        if isinstance(kind, sa.JSON) and link.dialect.name == "postgresql":
            op.alter_column(table, name, server_default=None)  # SQLite would copy the table for it


def _rows(link: sa.Connection, table: str, columns: Sequence[str]) -> Iterator[Sequence[Row]]:
    """Yield the rows of a table with their run, some at a time, by the id of the grade."""
    own = ", ".join(f"{table}.{name}" for name in columns)
    joined = "grade" if table == "grade" else f"{table} JOIN grade USING (grade_id)"
    wanted = sa.text(
        f"SELECT grade.grade_id AS grade_id, run_id, {own} FROM {joined} "
        f"WHERE grade.grade_id > :last ORDER BY grade.grade_id LIMIT {_CHUNK}"
    )
    last = ""
    while rows := link.execute(wanted, {"last": last}).mappings().all():
        yield rows
        last = rows[-1]["grade_id"]


def _grade_packed(row: Row, run: Mapping[str, Any]) -> dict[str, Any]:
    indicators, scores = _read(row["indicators"]), _read(row["dimension_scores"])
    ids = [dimension["id"] for dimension in run["dimensions"]]
    return {
        "indicators": _pack([indicators.get(name) for name in run["columns"]], _UNKNOWN),
        "dimension_scores": _pack([scores.get(name) for name in ids], _UNKNOWN),
    }


def _grade_unpacked(row: Row, run: Mapping[str, Any]) -> dict[str, Any]:
    ids = [dimension["id"] for dimension in run["dimensions"]]
    return {
        "indicators": _named(run["columns"], row["indicators"], _UNKNOWN),
        "dimension_scores": _named(ids, row["dimension_scores"], _UNKNOWN),
    }


def _evidence_packed(row: Row, run: Mapping[str, Any]) -> dict[str, Any]:
    names = _weighed(run["layout"])
    points, weights = _read(row["points"]), _read(row["weights"])
    return {
        "contributions": _pack(_read(row["contributions"]), _NOTHING),
        "points": _pack([points.get(name) for name in names], _UNKNOWN),
        "weights": _pack([weights.get(name, 0.0) for name in names], _NOTHING),
        "percentiles": _pack(_read(row["percentiles"]), _UNKNOWN),
    }


def _evidence_unpacked(row: Row, run: Mapping[str, Any]) -> dict[str, Any]:
    layout = run["layout"]
    names = _weighed(layout)
    ranked = len(dict.fromkeys(indicator for indicator, _, _ in layout))
    return {
        "contributions": _unpack(row["contributions"], len(layout), _NOTHING),
        "points": _named(names, row["points"], _UNKNOWN),
        "weights": _named(names, row["weights"], _NOTHING),
        "percentiles": _unpack(row["percentiles"], ranked, _UNKNOWN),
    }


def _weighed(layout: Sequence[Sequence[str]]) -> list[str]:
    named = (name if channel == "direct" else channel for name, channel, _ in layout)
    return list(dict.fromkeys(named))


def _read(document: Any) -> Any:
    """Return a JSON column as it is meant: some drivers read it themselves."""
    return json.loads(document) if isinstance(document, str) else document


def _pack(numbers: Numbers, absent: float) -> bytes:
    """Return a bitmap of what is written, and behind it that, as little-endian float64."""
    bitmap = bytearray((len(numbers) + 7) // 8)
    written = []
    for place, number in enumerate(numbers):
        if number is None or math.isnan(number):
            left_out = math.isnan(absent)
            number = math.nan
        else:
            left_out = absent == 0.0 and struct.pack("<d", number) == bytes(8)
        if not left_out:
            bitmap[place // 8] |= 1 << place % 8
            written.append(number)
    return bytes(bitmap) + struct.pack(f"<{len(written)}d", *written)


def _unpack(blob: bytes, k: int, absent: float) -> list[float | None]:
    width = (k + 7) // 8
    bitmap = blob[:width]
    written = iter(struct.unpack(f"<{(len(blob) - width) // 8}d", blob[width:]))
    found = [next(written) if bitmap[place // 8] >> place % 8 & 1 else absent for place in range(k)]
    return [None if math.isnan(number) else number for number in found]


def _named(names: Sequence[str], blob: bytes, absent: float) -> dict[str, float | None]:
    return dict(zip(names, _unpack(blob, len(names), absent), strict=True))
