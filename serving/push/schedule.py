"""When a delivery is tried again, and when a webhook that fails is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom

from serving.domain.push import FAILING_AFTER

JITTER = 0.2
"""Share by which a wait is longer or shorter, so that not all come back at once."""
LONGEST_WAIT = 86_400.0
"""Seconds that a receiver may ask us to wait."""
_PROBE, _LONGEST_PROBE = 1.0, 600.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Waits between tries.

    Attributes
    ----------
    retries
        Seconds before the second, third ... try.
    random
        Uniform in [0, 1).
    """

    retries: Sequence[float]
    random: Callable[[], float] = SystemRandom().random

    def after(self, tries: int, asked: float | None = None) -> timedelta | None:
        """Return the wait after that many tries; None when there were enough.

        Parameters
        ----------
        asked
            Seconds the receiver asked for; it is never tried sooner.
        """
        if tries > len(self.retries):
            return None
        wait = self._about(self.retries[tries - 1])
        return timedelta(seconds=max(wait, min(asked or 0.0, LONGEST_WAIT)))

    def pause(self, failures: int, asked: float | None = None) -> timedelta:
        """Return how long a webhook rests after that many failures in a row."""
        beyond = failures - FAILING_AFTER
        wait = 0.0 if beyond < 0 else self._about(min(_PROBE * 2.0**beyond, _LONGEST_PROBE))
        return timedelta(seconds=max(wait, min(asked or 0.0, LONGEST_WAIT)))

    def _about(self, seconds: float) -> float:
        return seconds * (1.0 - JITTER + 2.0 * JITTER * self.random())


def asked_to_wait(value: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header: a number or a date; None if it is neither."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = until.replace(tzinfo=None) if until.utcoffset() is None else _naive(until)
    return max((moment - now).total_seconds(), 0.0)


def _naive(moment: datetime) -> datetime:
    return (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None)
