"""The case library: what was done about alerts before, and what came of it (#89)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tiering.alerts.lifecycle import Outcome

Z = 1.96


@dataclass(frozen=True, slots=True)
class Closed:
    """A resolved alert, as the library sees it.

    Attributes
    ----------
    measure
        What was done: a measure of the catalogue.
    days
        From the alert to its resolution.
    """

    measure: str
    outcome: Outcome
    days: float


@dataclass(frozen=True, slots=True)
class Experience:
    """What came of one measure.

    Attributes
    ----------
    measure
        A measure of the catalogue.
    cases
        How many alerts it was taken against, false alarms left out.
    outcomes
        How many ended in which way, false alarms told too.
    recovered
        Share that recovered wholly or in part; None without a case.
    lower, upper
        Wilson's 95 % interval of that share; None without a case.
    median_days
        Median days from the alert to its resolution.
    """

    measure: str
    cases: int
    outcomes: Mapping[str, int]
    recovered: float | None
    lower: float | None
    upper: float | None
    median_days: float


def what_helped(closed: Iterable[Closed]) -> tuple[Experience, ...]:
    """Return the experience with each measure, what surely helped most first.

    The order is that of the lower end of the interval: three recoveries of three tell less than
    forty of fifty. It counts what followed, not what was caused: nobody drew lots for measures.
    """
    by_measure: dict[str, list[Closed]] = defaultdict(list)
    for case in closed:
        by_measure[case.measure].append(case)
    told = [_experience(measure, cases) for measure, cases in by_measure.items()]
    return tuple(sorted(told, key=lambda e: (-(e.lower or 0.0), -e.cases, e.measure)))


def _experience(measure: str, cases: list[Closed]) -> Experience:
    outcomes = Counter(case.outcome for case in cases)
    n = len(cases) - outcomes[Outcome.FALSE_ALARM]
    well = outcomes[Outcome.RECOVERED] + outcomes[Outcome.PARTLY]
    lower, upper = _wilson(well, n) if n else (None, None)
    days = sorted(case.days for case in cases)
    middle = len(days) // 2
    median = days[middle] if len(days) % 2 else (days[middle - 1] + days[middle]) / 2
    return Experience(
        measure=measure,
        cases=n,
        outcomes={outcome.value: outcomes[outcome] for outcome in Outcome if outcomes[outcome]},
        recovered=well / n if n else None,
        lower=lower,
        upper=upper,
        median_days=median,
    )


def _wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the interval of a share of ``n`` cases (Wilson 1927)."""
    share = successes / n
    centre = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max((centre - spread) / (1 + Z * Z / n), 0.0), min(
        (centre + spread) / (1 + Z * Z / n), 1.0
    )
