"""Rare codes that look like another spelling of a frequent one: a hint for a person."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from difflib import SequenceMatcher
from types import MappingProxyType

import ibis

from features.quality.report import OddCode
from features.quality.view import View

CODES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customers": ("industry", "region", "size", "credit_grade", "data_class"),
        "orders": ("category",),
        "tickets": ("severity",),
        "interactions": ("kind",),
        "contacts": ("role",),
        "assessments": ("kind",),
        "market": ("industry", "kind"),
    }
)
"""Columns that hold codes: few values, many rows."""

FILLERS = frozenset(
    {"na", "nan", "null", "none", "nil", "unknown", "tbd", "test", "xxx", "xx", "x", "", "0"}
    | {"无", "未知", "不详", "暂无", "空", "待定", "测试", "其它待定"}
)
"""What people type where they know nothing, folded; it counts as a value everywhere else."""

_RARE = 0.05
_CLOSE = 0.85
_LEAST_LENGTH = 5
_MOST_VALUES = 1000
_MOST_COMPARED = 200
_SHOWN = 20


def odd_codes(view: View, name: str) -> tuple[OddCode, ...]:
    """Return the odd codes of a table's code columns, most rows first, at most 20."""
    found: list[OddCode] = []
    for column in CODES.get(name, ()):
        if column in view.given(name):
            found += odd_values(column, _values(view, name, column))
    return tuple(sorted(found, key=lambda odd: -odd.rows)[:_SHOWN])


def odd_values(column: str, values: Mapping[str, int]) -> list[OddCode]:
    """Return the odd ones among the values of one column and how often they occur.

    A value is odd if it is a filler; if it equals a more frequent one but for case, width,
    spaces and punctuation; or if it has at most a twentieth of the rows of one that differs
    by a letter or two (five letters and more, digits equal).
    """
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    first: dict[str, tuple[str, int]] = {}
    odd = []
    for value, rows in ranked:
        key = _folded(value)
        if key in FILLERS:
            odd.append(OddCode(column, value, rows, "", 0))
        elif key in first:
            odd.append(OddCode(column, value, rows, *first[key]))
        else:
            first[key] = (value, rows)
    compared = list(first.items())[:_MOST_COMPARED]
    for key, (value, rows) in list(first.items())[1:][-_MOST_COMPARED:]:
        for other, (like, like_rows) in compared:
            if rows <= _RARE * like_rows and _close(key, other):
                odd.append(OddCode(column, value, rows, like, like_rows))
                break
    return odd


def _values(view: View, name: str, column: str) -> dict[str, int]:
    rows = view.tables[name]
    rows = rows.filter(rows[column].notnull())
    groups = rows.group_by(value=rows[column]).aggregate(n=rows.count())
    most = groups.order_by(ibis.desc("n"), "value").limit(_MOST_VALUES)
    return {row["value"]: row["n"] for row in view.rows(most)}


def _folded(value: str) -> str:
    even = unicodedata.normalize("NFKC", value).casefold()
    return "".join(character for character in even if character.isalnum())


def _close(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _LEAST_LENGTH or _digits(one) != _digits(other):
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= _CLOSE and matcher.ratio() >= _CLOSE


def _digits(value: str) -> Counter[str]:
    return Counter(character for character in value if character.isdigit())
