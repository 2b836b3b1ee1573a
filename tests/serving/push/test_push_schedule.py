"""When it is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.domain.push import FAILING_AFTER
from serving.push.schedule import LONGEST_WAIT, Schedule, asked_to_wait
from tests.serving.push.conftest import T0

MIDDLE = Schedule((10, 20, 40), random=lambda: 0.5)


def test_waits_follow_the_settings_and_end() -> None:
    waits = [MIDDLE.after(tries) for tries in (1, 2, 3, 4)]
    assert waits == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40), None]


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 3))
def test_waits_differ_by_a_fifth_at_most(random: float, tries: int) -> None:
    wait = Schedule((10, 20, 40), random=lambda: random).after(tries)
    middle = (10, 20, 40)[tries - 1]
    assert wait is not None
    assert 0.8 * middle <= wait.total_seconds() <= 1.2 * middle


def test_nobody_is_asked_sooner_than_it_said() -> None:
    assert MIDDLE.after(1, 300.0) == timedelta(seconds=300)
    assert MIDDLE.after(1, 3.0) == timedelta(seconds=10)
    assert MIDDLE.after(1, 1e9) == timedelta(seconds=LONGEST_WAIT)
    assert MIDDLE.after(4, 300.0) is None


def test_a_webhook_rests_longer_and_longer_once_it_fails() -> None:
    rests = [MIDDLE.pause(n).total_seconds() for n in range(1, FAILING_AFTER + 4)]
    assert rests == [0, 0, 0, 0, 1, 2, 4, 8]
    assert MIDDLE.pause(1_000).total_seconds() == 600
    assert MIDDLE.pause(1, 60.0).total_seconds() == 60


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("soon", None),
        ("٣", None),
        ("Mon, 01 Jul 2024 02:01:00 GMT", 60.0),
        ("Mon, 01 Jul 2024 04:01:00 +0200", 60.0),
        ("Mon, 01 Jul 2024 02:01:00 -0000", 60.0),
        ("Sun, 30 Jun 2024 02:00:00 GMT", 0.0),
        ("Mon, 99 Jul 2024 02:01:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert asked_to_wait(value, T0) == seconds
