"""Numbers, money and dates as people read them; unknown is ``None``, never 0.

English and Chinese readers both write ``12,345.6`` and put a currency code before the
amount; dates and the unit words differ. A minus is the real sign (U+2212), which has the
width of a plus in tabular figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime

from serving.domain.grade import Lang
from serving.web.i18n import Language, Words

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def known(value: float | None) -> float | None:
    """Return ``value``, with NaN and infinity as ``None``."""
    return value if value is not None and math.isfinite(value) else None


def cents(*values: float | None) -> int:
    """Return the decimals of amounts that stand together: 0 once one reaches 1,000, else 2."""
    return 0 if any(abs(value) >= 1000 for value in map(known, values) if value) else 2


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes words and values for one language and one currency."""

    language: Language
    currency: str

    @property
    def words(self) -> Words:
        """The texts of the language."""
        return Words(self.language)

    @property
    def lang(self) -> Lang:
        """The tag of the language, as reasons and labels are asked for."""
        return self.language.value

    @property
    def absent(self) -> str:
        """What stands where no value is known."""
        return self.words("number.absent")

    def plain(self, value: float | None, decimals: int = 0, *, signed: bool = False) -> str:
        """Return ``1,234.5``; with ``signed`` a plus before what is above zero."""
        value = known(value)
        if value is None:
            return self.absent
        text = f"{abs(value):,.{decimals}f}"
        if not any(digit in "123456789" for digit in text):
            return text
        return f"{'−' if value < 0 else '+' if signed else ''}{text}"

    def percent(self, value: float | None, decimals: int = 1) -> str:
        """Return a share (0 to 1) as ``12.3%``."""
        value = known(value)
        return self.absent if value is None else f"{self.plain(value * 100, decimals)}%"

    def money(self, value: float | None, decimals: int | None = None) -> str:
        """Return ``CNY 1,234``; decimals as `cents` unless given."""
        value = known(value)
        if value is None:
            return self.absent
        if decimals is None:
            decimals = cents(value)
        return f"{self.currency} {self.plain(value, decimals)}".strip()

    def points(self, value: float | None, *, signed: bool = False) -> str:
        """Return score points with one decimal."""
        return self.plain(value, 1, signed=signed)

    def instant(self, value: datetime) -> str:
        """Return a day with its time, naive UTC said to be UTC."""
        return self.words("run.instant", day=self.day(value), time=f"{value:%H:%M}")

    def day(self, value: date) -> str:
        """Return ``9 Jul 2016`` or ``2016年7月9日``."""
        if self.language is Language.ZH:
            return f"{value.year}年{value.month}月{value.day}日"
        return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"

    def measured(self, value: float | None, unit: str) -> str:
        """Return an indicator's value with its catalogue unit (``features/schema.py``)."""
        value = known(value)
        if value is None:
            return self.words("number.no_data")
        match unit:
            case "money":
                return self.money(value)
            case "rate":
                return self.percent(value)
            case "change":
                return self.plain(value, 2, signed=True)
            case "days":
                decimals = 0 if value == round(value) else 1
                return self.words("number.days", n=self.plain(value, decimals))
            case "count":
                return self.plain(value, 0 if value == round(value) else 1)
            case "score":
                return self.plain(value, 1)
            case _:
                return self.plain(value, 2)
