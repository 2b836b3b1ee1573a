"""Numbers, money and dates in both languages; unknown is never 0."""

from __future__ import annotations

from datetime import date, datetime
from math import inf, nan

import pytest

from serving.web.formats import Writer, cents, known
from serving.web.i18n import Language

EN, ZH = Writer(Language.EN, "EUR"), Writer(Language.ZH, "CNY")


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "expected"),
    [
        (1234567.0, 0, False, "1,234,567"),
        (-1234.56, 1, False, "−1,234.6"),
        (0.04, 1, True, "0.0"),
        (-0.04, 1, True, "0.0"),
        (0.05, 2, True, "+0.05"),
        (-3.0, 2, True, "−3.00"),
        (nan, 0, False, "–"),
        (None, 0, True, "–"),
        (inf, 0, False, "–"),
    ],
)
def test_plain_numbers(value: float | None, decimals: int, signed: bool, expected: str) -> None:
    assert EN.plain(value, decimals, signed=signed) == expected


def test_money_has_its_currency_and_cents_only_when_small() -> None:
    assert EN.money(12345.678) == "EUR 12,346"
    assert ZH.money(12.5) == "CNY 12.50"
    assert EN.money(-1000.0) == "EUR −1,000"
    assert EN.money(5.0, 0) == "EUR 5"
    assert Writer(Language.EN, "").money(5.0) == "5.00"
    assert EN.money(None) == "–"


def test_amounts_that_stand_together_have_the_same_decimals() -> None:
    assert cents(3.0, None, nan, 999.0) == 2
    assert cents(3.0, -1000.0) == 0
    assert cents() == 2


def test_shares_points_and_days() -> None:
    assert EN.percent(0.1234) == "12.3%"
    assert EN.percent(None) == "–"
    assert EN.points(71.44) == "71.4"
    assert EN.points(1.44, signed=True) == "+1.4"
    assert EN.day(date(2016, 7, 9)) == "9 Jul 2016"
    assert ZH.day(date(2016, 7, 9)) == "2016年7月9日"
    assert EN.instant(datetime(2016, 7, 9, 5, 4)) == "9 Jul 2016, 05:04 UTC"
    assert ZH.instant(datetime(2016, 7, 9, 5, 4)) == "2016年7月9日 05:04（UTC）"


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (2500.0, "money", "EUR 2,500", "CNY 2,500"),
        (0.25, "rate", "25.0%", "25.0%"),
        (0.5, "change", "+0.50", "+0.50"),
        (12.0, "days", "12 days", "12 天"),
        (12.5, "days", "12.5 days", "12.5 天"),
        (3.0, "count", "3", "3"),
        (3.5, "count", "3.5", "3.5"),
        (88.25, "score", "88.2", "88.2"),
        (1.375, "ratio", "1.38", "1.38"),
        (0.0, "count", "0", "0"),
        (None, "count", "no data", "无数据"),
        (nan, "money", "no data", "无数据"),
    ],
)
def test_an_indicator_is_told_with_its_unit(
    value: float | None, unit: str, english: str, chinese: str
) -> None:
    assert EN.measured(value, unit) == english
    assert ZH.measured(value, unit) == chinese


def test_not_a_number_is_unknown() -> None:
    assert known(nan) is None
    assert known(inf) is None
    assert known(None) is None
    assert known(0.0) == 0.0
    assert EN.lang == "en"
    assert ZH.lang == "zh-CN"
