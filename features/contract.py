"""The source contract: which tables and columns Tierwise reads, and what spoils a row.

The tables themselves are data (``contract.toml``). Instants are naive UTC. Every table but
``orders`` is optional; a missing one switches its indicators off. ``recorded_at`` is when the
system learned of a row and defaults to ``occurred_at``; the same key may come several times,
as versions, when it is given.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "timestamp", "money", "number", "boolean"]

DTYPES: Mapping[Kind, str] = MappingProxyType(
    {
        "text": "string",
        "timestamp": "timestamp(6)",
        "money": "decimal(18, 4)",
        "number": "float64",
        "boolean": "boolean",
    }
)
"""Ibis type of each kind of column after ingestion."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source table.

    Attributes
    ----------
    name
        Name in the contract.
    kind
        ``text``, ``timestamp`` (naive UTC), ``money`` (decimal(18, 4)), ``number``
        (float64) or ``boolean``.
    label_en, label_zh
        Names for people.
    required
        A source without it is refused; a row without it goes to quarantine.
    default
        Value where the column or the cell is missing; None leaves null.
    minimum, maximum
        Bounds of a number, inclusive; a row outside goes to quarantine.
    known_from
        Time column at which the value becomes known; a snapshot before that instant sees
        null. None: known with the row.
    pii
        Whether the value identifies a person.
    """

    name: str
    kind: Kind
    label_en: str
    label_zh: str
    required: bool = False
    default: str | bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    known_from: str | None = None
    pii: bool = False


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One source table: its columns in order, and the columns that identify a row.

    ``event_time`` names the column that says when a row happened.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    label_en: str
    label_zh: str
    event_time: str = "occurred_at"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns a source cannot do without."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def has_customer(self) -> bool:
        """Whether its rows belong to a customer; those of ``market`` do not."""
        return "customer_id" in self.column_names

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(column.name for column in self.columns if column.kind == kind)


def _read() -> Mapping[str, SourceTable]:
    document = tomllib.loads((files("features") / "contract.toml").read_text("utf-8"))
    tables = {}
    for row in document["table"]:
        columns = tuple(Column(**column) for column in row["columns"])
        tables[row["name"]] = SourceTable(**row | {"columns": columns, "key": tuple(row["key"])})
    return MappingProxyType(tables)


CONTRACT: Mapping[str, SourceTable] = _read()
"""The source tables by name."""

REASONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "excluded": ("left out by a rule of the mapping", "按映射规则排除"),
        "missing_customer": ("no customer", "缺少客户编号"),
        "missing_key": ("no identifier of the row", "缺少行标识"),
        "bad_code": ("a code that the mapping does not know", "映射中没有的代码"),
        "bad_timestamp": ("a time that is missing or cannot be read", "时间缺失或无法识别"),
        "bad_number": ("a number that is missing or cannot be read", "数值缺失或无法识别"),
        "bad_boolean": ("a yes/no value that cannot be read", "是否值无法识别"),
        "negative_quantity": ("negative quantity, but no return", "数量为负但非退货"),
        "positive_return": ("a return with a positive amount", "退货金额为正"),
        "negative_amount": ("negative amount, but no return", "金额为负但非退货"),
        "recorded_before_occurred": ("recorded before it happened", "入库早于发生"),
        "due_before_issue": ("due before it was issued", "到期早于开票"),
        "paid_before_issue": ("paid before it was issued", "付款早于开票"),
        "resolved_before_opened": ("resolved before it was opened", "解决早于提交"),
        "ended_before_start": ("ended before it began", "结束早于开始"),
        "out_of_range": ("a number outside its range", "数值超出范围"),
        "duplicate_key": ("the same identifier came before", "标识重复"),
    }
)
"""Why a row goes to quarantine: code to (English, Chinese), in order of precedence.

A row gets the first reason that fits. ``duplicate_key`` comes last: only rows that are
sound otherwise compete for their key.
"""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for a near miss, else an empty string."""
    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f" (did you mean {lowered[close[0]]!r}?)" if close else ""
