"""Stress tests: perturb the events, rebuild the indicators, grade again, compare.

The same bundle grades both sides, so what moves is due to the events alone. The report says
how many customers keep their tier, how the scores shift, and whether anything moved the way
business sense forbids (requirement #67).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray, IndicatorFrame
from tiering.stability import migration_matrix, psi, unchanged_share
from training.evaluation.scenario import DirectionCheck, Scenario

if TYPE_CHECKING:
    from features.snapshot import Snapshot
    from features.sources import Sources
    from training.bundle import Bundle

BoolArray = npt.NDArray[np.bool_]


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
    """

    text: str
    value: float
    n: int
    passed: bool


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
        Population stability index of the scores.
    mean_change
        Mean change of the score in points.
    share_up, share_down
        Shares whose score rose or fell by more than a millionth of a point.
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


@dataclass(frozen=True, slots=True)
class StressReport:
    """All scenarios on one snapshot; ``tier_ids`` best first."""

    as_of: str
    tier_ids: tuple[str, ...]
    scenarios: tuple[ScenarioResult, ...]

    def flat(self) -> dict[str, float]:
        """Return the figures by dotted name, for the registry: ``stress.<scenario>.<figure>``."""
        figures = {}
        for result in self.scenarios:
            if not result.skipped:
                for name in ("unchanged_share", "unchanged_touched", "psi", "mean_change"):
                    figures[f"stress.{result.id}.{name}"] = float(getattr(result, name))
                failed = sum(not check.passed for check in result.checks)
                figures[f"stress.{result.id}.failed_directions"] = float(failed)
        return figures

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> StressReport:
        """Read what :meth:`to_dict` wrote."""
        scenarios = (
            ScenarioResult(
                **{
                    **result,
                    "migration": tuple(map(tuple, result["migration"])),
                    "checks": tuple(CheckResult(**check) for check in result["checks"]),
                }
            )
            for result in document["scenarios"]
        )
        return cls(document["as_of"], tuple(document["tier_ids"]), tuple(scenarios))


def run_stress(
    sources: Sources,
    snapshot: Snapshot,
    bundle: Bundle,
    scenarios: Sequence[Scenario],
    *,
    before: IndicatorFrame | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> StressReport:
    """Put a bundle through scenarios at one snapshot.

    Parameters
    ----------
    before
        The unperturbed indicators of the snapshot, if at hand.
    progress
        Called with scenario id, number done and total.
    """
    from features.perturb import perturb
    from features.publish import materialise

    calm = before if before is not None else materialise(sources, snapshot)
    results = []
    for number, scenario in enumerate(scenarios):
        if progress:
            progress(scenario.id, number, len(scenarios))
        if sources.table(scenario.table) is None:
            reason = f"the sources have no table {scenario.table}"
            results.append(
                ScenarioResult(scenario.id, scenario.title_en, scenario.title_zh, skipped=reason)
            )
            continue
        stressed = materialise(perturb(sources, snapshot, scenario.perturbation), snapshot)
        results.append(compare(scenario, bundle, calm, stressed))
    if progress:
        progress("stress", len(scenarios), len(scenarios))
    return StressReport(
        as_of=calm.as_of.isoformat(),
        tier_ids=tuple(tier.id for tier in bundle.scheme.tiers),
        scenarios=tuple(results),
    )


def compare(
    scenario: Scenario, bundle: Bundle, calm: IndicatorFrame, stressed: IndicatorFrame
) -> ScenarioResult:
    """Grade both frames and compare the customers they share."""
    _, left, right = np.intersect1d(
        calm.customer_id, stressed.customer_id, assume_unique=True, return_indices=True
    )
    old, new = calm.values[left], stressed.values[right]
    touched: BoolArray = ~np.all((old == new) | (np.isnan(old) & np.isnan(new)), axis=1)
    before, after = _measures(bundle, old), _measures(bundle, new)
    change = after["score"] - before["score"]
    tier_before = before["tier"].astype(np.int64)
    tier_after = after["tier"].astype(np.int64)
    matrix = migration_matrix(tier_before, tier_after, len(bundle.scheme.tiers))
    moved = touched if touched.any() else np.ones_like(touched)
    return ScenarioResult(
        id=scenario.id,
        title_en=scenario.title_en,
        title_zh=scenario.title_zh,
        customers=len(left),
        gone=len(calm) - len(left),
        touched=int(touched.sum()),
        migration=tuple(tuple(int(cell) for cell in row) for row in matrix),
        unchanged_share=unchanged_share(tier_before, tier_after),
        unchanged_touched=unchanged_share(tier_before[moved], tier_after[moved]),
        psi=psi(before["score"], after["score"], 10),
        mean_change=float(change.mean()),
        share_up=float((change > 1e-6).mean()),
        share_down=float((change < -1e-6).mean()),
        checks=tuple(_judge(check, before, after, touched) for check in scenario.checks),
    )


def _measures(bundle: Bundle, values: FloatArray) -> dict[str, FloatArray]:
    scores, decisions = bundle.decide(values)
    found: dict[str, FloatArray] = {
        "score": decisions.composite.score,
        "tier": decisions.tier.astype(np.float64),
        "ltv": scores.ltv,
        "churn_probability": scores.churn_probability,
    }
    for column, dimension in enumerate(decisions.composite.dimensions):
        found[f"dimension.{dimension}"] = decisions.composite.dimension_score[:, column]
    return found


def _judge(
    check: DirectionCheck,
    before: Mapping[str, FloatArray],
    after: Mapping[str, FloatArray],
    touched: BoolArray,
) -> CheckResult:
    old, new = before[check.measure], after[check.measure]
    chosen = ~np.isnan(old) & ~np.isnan(new)
    if check.among == "touched":
        chosen &= touched
    n = int(chosen.sum())
    if n == 0:  # nobody was touched, so nobody moved the wrong way
        return CheckResult(check.text, 0.0, 0, True)
    change = new[chosen] - old[chosen]
    if check.of == "each":
        broken = ~_keeps(check, change)
        value = float(broken.mean())
        return CheckResult(check.text, value, n, value <= check.max_share)
    value = float(
        change.mean() if check.of == "mean" else np.median(new[chosen]) - np.median(old[chosen])
    )
    return CheckResult(check.text, value, n, bool(_keeps(check, np.array([value]))[0]))


def _keeps(check: DirectionCheck, change: FloatArray) -> BoolArray:
    if check.expect == "not_up":
        kept = change <= check.tolerance
    elif check.expect == "not_down":
        kept = change >= -check.tolerance
    elif check.expect == "down":
        kept = change < -check.tolerance
    else:
        kept = change > check.tolerance
    return np.asarray(kept, dtype=np.bool_)
