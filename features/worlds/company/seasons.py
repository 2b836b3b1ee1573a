"""The calendar of the simulated company: its days, its seasons, and the shock of one industry.

Days are numbers that count from :data:`FIRST_DAY`; a fraction is the time of day in UTC.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

FIRST_DAY = date(2023, 11, 1)
LAST_DAY = date(2026, 10, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1

AHEAD = 180
"""Days after the last one for which the truth still knows the demand."""

INDUSTRIES = ("automotive", "chemicals", "electronics", "food", "machinery", "textiles")

SHOCKED = "textiles"
"""The industry whose demand falls."""
SHOCK_DAY = date(2025, 9, 1)
SHOCK_FALL = 0.45
"""Share of its demand that is lost, over :data:`SHOCK_RAMP` days from :data:`SHOCK_DAY` on."""
SHOCK_RAMP = 60

_NEW_YEARS = (date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6))
_NATIONAL_DAYS = tuple(date(year, 10, 1) for year in (2024, 2025, 2026))


def day_number(day: date) -> int:
    """Return the number of a day; 0 is :data:`FIRST_DAY`."""
    return (day - FIRST_DAY).days


def _season() -> FloatArray:
    days = np.arange(DAYS + AHEAD)
    year = 2 * np.pi * (days + FIRST_DAY.timetuple().tm_yday) / 365.25
    demand = (1 + 0.18 * np.cos(year - 1.9 * np.pi)) * WORKDAY
    for holiday in _NEW_YEARS:
        first = day_number(holiday)
        demand[first - 3 : first + 9] *= 0.15
    for holiday in _NATIONAL_DAYS:
        first = day_number(holiday)
        demand[first : first + 7] *= 0.4
    return np.asarray(demand / demand[:DAYS].mean())


WORKDAY: FloatArray = np.where((np.arange(DAYS + AHEAD) + FIRST_DAY.weekday()) % 7 < 5, 1.3, 0.25)
"""Activity of each day by its weekday alone, ``(DAYS + AHEAD,)``."""

SEASON: FloatArray = _season()
"""Demand of each day relative to an average one: year, weekday, holidays."""

SHOCK: FloatArray = 1 - SHOCK_FALL * np.clip(
    (np.arange(DAYS + AHEAD) - day_number(SHOCK_DAY)) / SHOCK_RAMP, 0, 1
)
"""Demand of :data:`SHOCKED` relative to what it would be without the shock."""


def clock(rng: np.random.Generator, n: int) -> FloatArray:
    """Return times of day as parts of a day: nine to six in China, in UTC."""
    return rng.uniform(1, 10, n) / 24


def lateness(rng: np.random.Generator, n: int) -> FloatArray:
    """Return days until a record is known: minutes as a rule, weeks for one in 150."""
    weeks = np.where(rng.random(n) < 1 / 150, rng.uniform(5, 45, n), 0)
    return rng.uniform(1, 20, n) / 1_440 + weeks
