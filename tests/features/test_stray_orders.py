"""A mistyped year is told, a holiday is not."""

from __future__ import annotations

from datetime import date, timedelta

from features.door.source_report import stray_orders

_WORKDAYS = [(date(2024, 1, 1) + timedelta(days=n), 50) for n in range(400)]


def test_a_few_orders_far_after_the_others_are_told() -> None:
    (told,) = stray_orders([*_WORKDAYS, (date(2099, 1, 1), 2), (date(2099, 2, 1), 1)])
    assert "3 order line(s) from 2099-01-01 on" in told
    assert f"{(date(2099, 1, 1) - _WORKDAYS[-1][0]).days:,} days after" in told


def test_a_few_orders_far_before_the_others_are_told() -> None:
    (told,) = stray_orders([(date(1970, 1, 1), 1), *_WORKDAYS])
    assert "1 order line(s) up to 1970-01-01" in told
    assert "days before" in told


def test_a_short_silence_or_a_large_part_is_a_matter_of_the_business() -> None:
    last = _WORKDAYS[-1][0]
    assert stray_orders([*_WORKDAYS, (last + timedelta(days=180), 1)]) == ()
    assert stray_orders([*_WORKDAYS, (last + timedelta(days=181), 1)])
    assert stray_orders([*_WORKDAYS, (last + timedelta(days=181), 1000)]) == ()


def test_one_day_and_no_day_have_no_gaps() -> None:
    assert stray_orders([(date(2024, 1, 1), 5)]) == ()
    assert stray_orders([]) == ()
