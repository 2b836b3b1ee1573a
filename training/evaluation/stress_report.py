"""What stress tests found, as data: stored with the version, read by gates and model card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from training.evaluation.scenario import DirectionCheck

FIGURES = (
    "unchanged_share",
    "unchanged_touched",
    "psi",
    "population_psi",
    "mean_change",
    "referred_change",
)
"""Figures of a scenario that the registry keeps, by their attribute's name."""

ERRORS = ("churn.auc", "churn.brier", "ltv.mae", "ltv.rmse", "ltv.spearman")
"""Figures of the models that are measured before and under stress."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of one direction check.

    Attributes
    ----------
    text
        The check in words.
    value
        Change of the mean or median; with ``each`` the share of customers that break it.
    n
        Customers it was judged on.
    passed
        Whether it holds.
    check
        The check's own fields; None in reports of before they were kept.
    """

    text: str
    value: float
    n: int
    passed: bool
    check: Mapping[str, Any] | None = None

    @property
    def direction(self) -> DirectionCheck | None:
        """The check that was judged, if the report kept it."""
        return None if self.check is None else DirectionCheck(**self.check)


@dataclass(frozen=True, slots=True)
class ErrorChange:
    """How well the models told what came, before and under stress.

    The outcomes are the real ones. For a fault of the data (a source missing, late or wrong)
    that is the whole truth; for a shock to the business itself, of which nobody knows the
    outcomes, it says how much of the ranking survives.

    Attributes
    ----------
    as_of
        The past day it was measured on, ISO.
    n
        Customers, those eligible before and still to be graded under stress.
    before, after
        Figures by name (:data:`ERRORS`); NaN where undefined.
    """

    as_of: str
    n: int
    before: Mapping[str, float]
    after: Mapping[str, float]

    def change(self, name: str) -> float:
        """Return ``after - before`` of a figure in its own unit."""
        return self.after[name] - self.before[name]

    def relative(self, name: str) -> float:
        """Return ``after / before - 1`` of a figure; NaN for a figure of 0."""
        return self.after[name] / self.before[name] - 1.0 if self.before[name] else math.nan

    def flat(self) -> dict[str, float]:
        """Return the changes by name: of errors in money relative, of the others absolute."""
        return {
            name.replace(".", "_") + "_change": (
                self.relative(name) if name in ("ltv.mae", "ltv.rmse") else self.change(name)
            )
            for name in self.before
        }


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario's effect on one snapshot.

    Attributes
    ----------
    skipped
        Why it was not run; empty if it was.
    customers, gone
        Customers graded on both sides, and those without any order left.
    touched
        Customers with an indicator that changed.
    migration
        ``(t, t)`` counts, row: tier before, column: tier under stress, best tier first.
    unchanged_share, unchanged_touched
        Share of customers, and of touched customers, who keep their tier.
    psi
        Population stability index of the scores of the customers graded on both sides.
    mean_change
        Mean change of the score in points.
    share_up, share_down
        Shares whose score rose or fell by more than a millionth of a point.
    lacks
        Tables and columns (``table.column``) for want of which it was not run.
    newcomers, newcomer_tiers
        Customers graded under stress only, and how many of them in each tier ``(t,)``.
    population_psi
        Population stability index of all graded before against all graded under stress.
    referred_before, referred_after
        Shares of the customers graded on both sides who go to the panel.
    errors
        Change of the models' errors on a day whose outcomes are known; None if not measured.
    """

    id: str
    title_en: str
    title_zh: str
    skipped: str = ""
    customers: int = 0
    gone: int = 0
    touched: int = 0
    migration: tuple[tuple[int, ...], ...] = ()
    unchanged_share: float = 1.0
    unchanged_touched: float = 1.0
    psi: float = 0.0
    mean_change: float = 0.0
    share_up: float = 0.0
    share_down: float = 0.0
    checks: tuple[CheckResult, ...] = field(default_factory=tuple)
    lacks: tuple[str, ...] = ()
    newcomers: int = 0
    newcomer_tiers: tuple[int, ...] = ()
    population_psi: float = 0.0
    referred_before: float = 0.0
    referred_after: float = 0.0
    errors: ErrorChange | None = None

    @property
    def referred_change(self) -> float:
        """Change of the share of customers who go to the panel."""
        return self.referred_after - self.referred_before

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The direction checks that failed."""
        return tuple(check for check in self.checks if not check.passed)

    def flat(self) -> dict[str, float]:
        """Return the figures by name; one that is not defined is left out."""
        found = {name: float(getattr(self, name)) for name in FIGURES}
        found["failed_directions"] = float(len(self.failed))
        found |= self.errors.flat() if self.errors else {}
        return {name: value for name, value in found.items() if math.isfinite(value)}


@dataclass(frozen=True, slots=True)
class StressReport:
    """All scenarios on one snapshot; ``tier_ids`` best first."""

    as_of: str
    tier_ids: tuple[str, ...]
    scenarios: tuple[ScenarioResult, ...]

    @property
    def ran(self) -> tuple[ScenarioResult, ...]:
        """The scenarios that were run."""
        return tuple(result for result in self.scenarios if not result.skipped)

    def flat(self) -> dict[str, float]:
        """Return the figures by dotted name, for the registry: ``stress.<scenario>.<figure>``."""
        return {
            f"stress.{result.id}.{name}": value
            for result in self.ran
            for name, value in result.flat().items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data; a NaN becomes None."""
        document = asdict(self)
        for result in document["scenarios"]:
            for side in ("before", "after") if result["errors"] else ():
                figures = result["errors"][side]
                result["errors"][side] = {
                    name: None if math.isnan(value) else value for name, value in figures.items()
                }
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StressReport:
        """Read what :meth:`to_dict` wrote, now or before a figure was added."""
        return cls(
            document["as_of"],
            tuple(document["tier_ids"]),
            tuple(_result(found) for found in document["scenarios"]),
        )


def _result(found: Mapping[str, Any]) -> ScenarioResult:
    lists = ("migration", "lacks", "newcomer_tiers")
    parts = {name: tuple(found[name]) for name in lists if name in found}
    parts["migration"] = tuple(map(tuple, found["migration"]))
    errors = found.get("errors")
    return ScenarioResult(
        **{
            **found,
            **parts,
            "checks": tuple(CheckResult(**check) for check in found["checks"]),
            "errors": _errors(errors) if errors else None,
        }
    )


def _errors(found: Mapping[str, Any]) -> ErrorChange:
    sides = {
        side: {name: math.nan if v is None else float(v) for name, v in found[side].items()}
        for side in ("before", "after")
    }
    return ErrorChange(**{**found, **sides})
