"""Words, numbers and dates of the page in one language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

from features.contract import CONTRACT, REASONS
from features.door.reconciliation import ROWS
from features.door.refusals import Cause
from features.schema import CATALOGUE

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@cache
def words(language: Language) -> Mapping[str, str]:
    """Return the words of a language."""
    document = tomllib.loads((files("features.quality") / "wording.toml").read_text("utf-8"))
    found: Mapping[str, str] = document[language]
    return found


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one language and one currency."""

    language: Language
    currency: str

    def say(self, key: str, **fields: object) -> str:
        """Return the text of a key with its fields filled in."""
        return words(self.language)[key].format_map(fields)

    def table(self, name: str) -> str:
        """Return the label of a table."""
        table = CONTRACT[name]
        return table.label_zh if self.language == "zh" else table.label_en

    def column(self, table: str, name: str) -> str:
        """Return the label of a table's column."""
        column = next(column for column in CONTRACT[table].columns if column.name == name)
        return column.label_zh if self.language == "zh" else column.label_en

    def total(self, table: str, name: str) -> str:
        """Return the label of a reconciled total."""
        return self.say("total_rows") if name == ROWS else self.column(table, name)

    def amount(self, table: str, name: str, value: Decimal) -> str:
        """Return a reconciled total: money to the penny, or a count."""
        is_money = name in CONTRACT[table].of_kind("money")
        return self.money(value, 2) if is_money else self.number(value)

    def cause(self, cause: Cause, table: str, *, with_system: bool = True) -> str:
        """Return a cause of refusal with its note; a note that is a column by its label."""
        named = cause.note in CONTRACT[table].column_names
        note = self.column(table, cause.note) if named else cause.note
        parts = [self.reason(cause.reason), note, cause.system if with_system else ""]
        return " · ".join(part for part in parts if part)

    def reason(self, code: str) -> str:
        """Return why a row was refused."""
        english, chinese = REASONS[code]
        return chinese if self.language == "zh" else english

    def indicator(self, name: str) -> str:
        """Return the label of an indicator; of one the catalogue has not, its name."""
        if name not in CATALOGUE:
            return name
        entry = CATALOGUE[name]
        return entry.label_zh if self.language == "zh" else entry.label_en

    def names(self, labels: list[str]) -> str:
        """Return labels in a row."""
        return ("、" if self.language == "zh" else ", ").join(labels)

    def number(self, value: float | Decimal, decimals: int = 0) -> str:
        """Return ``1,234.5``."""
        return f"{value:,.{decimals}f}"

    def short(self, count: int) -> str:
        """Return a count in little room: ``999``, ``1.3k``, ``25k``, ``1.2M``."""
        for unit, size in (("M", 1_000_000), ("k", 1_000)):
            if count >= size:
                return f"{count / size:.{1 if count < 10 * size else 0}f}{unit}"
        return str(count)

    def money(self, value: Decimal, decimals: int = 0) -> str:
        """Return ``EUR 1,234``."""
        return f"{self.currency} {value:,.{decimals}f}"

    def percent(self, share: float, decimals: int = 1) -> str:
        """Return a share as ``12.3%``, cut off, so that only what is whole reads 100 %."""
        scale = 10 ** (decimals + 2)
        cut = int(share * scale + 1e-9) / scale
        if share > 0 and cut == 0:
            return self.say("less", share=f"{1 / scale:.{decimals}%}")
        return f"{cut:.{decimals}%}"

    def day(self, value: date | None) -> str:
        """Return ``9 Jul 2016`` or ``2016年7月9日``."""
        if value is None:
            return self.say("unknown")
        if self.language == "zh":
            return f"{value.year}年{value.month}月{value.day}日"
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"

    def ratio(self, value: float) -> str:
        """Return how many times, ``12`` or ``1,250``; one decimal below 100."""
        return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
