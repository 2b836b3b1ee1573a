"""One training run, from sources to a registered challenger.

publish snapshots → training set → backtest → fit on the latest closed labels → stress at the
day of service → gates → evidence → register. Every step writes whole files or none, the
published snapshots are taken up where a killed run stopped, and the registry's alias moves
last: until then the champion and the challenger are what they were. Promotion is a step of
its own (``training/registry/promotion.py``).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from features.parquet import read_frame
from features.publish import publish
from features.snapshot import Snapshot
from training.card.dossier import write
from training.card.evidence import Evidence, swarms
from training.customers import industries
from training.dataset import TrainingSet, load_training_set
from training.evaluation.backtest import Backtest, backtest_rows
from training.evaluation.certification import with_certificates
from training.evaluation.gates import GateReport, evaluate
from training.evaluation.leakage import LeakageReport, look_for_leakage
from training.evaluation.report import BacktestReport
from training.evaluation.scenario import load_scenario
from training.evaluation.stress import ClosedDay, StressReport, run_stress
from training.fitting import Provenance, fit_bundle
from training.folders import swap
from training.lineage import facts_of, sources_hash, submission
from training.models.threads import single_threaded_algebra
from training.provenance import code_version
from training.registry.promotion import champion_report
from training.registry.registry import Registry, model_name
from training.registry.versions import ModelVersion
from training.splits import OriginPlan, plan_origins

if TYPE_CHECKING:
    from features.manifest import Manifest
    from features.sources import Sources
    from tiering.policy import Scheme
    from training.bundle import Bundle
    from training.recipe import Recipe

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Published snapshots of a plan, ready to learn from.

    ``industries`` tells each customer's industry where a source does, for the backtest's parts.
    """

    plan: OriginPlan
    data: TrainingSet
    manifest: Manifest
    provenance: Provenance
    industries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingOutcome:
    """What a training run made.

    Attributes
    ----------
    bundle_dir, evidence_dir
        Folders ``candidate`` and ``reports`` of the state directory.
    seconds
        Wall-clock time of each step.
    """

    plan: OriginPlan
    backtest: BacktestReport
    stress: StressReport
    gates: GateReport
    version: ModelVersion
    bundle_dir: Path
    evidence_dir: Path
    seconds: Mapping[str, float]


def train(
    sources: Sources,
    state_dir: Path,
    recipe: Recipe,
    scheme: Scheme,
    registry: Registry,
    *,
    by: str = "",
    progress: Progress | None = None,
) -> TrainingOutcome:
    """Train, judge and register a challenger.

    Parameters
    ----------
    sources
        Ingested sources of one world.
    state_dir
        Folder of that world; ``published``, ``candidate`` and ``reports`` are written below.
    by
        Who trains; empty: the account of the process.

    Raises
    ------
    HistoryError
        If the data are too short for the recipe.
    FitError
        If a model cannot be estimated.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "publish"):
        material = prepare(sources, state_dir, recipe, progress=progress)
    with _timed(seconds, "backtest"):
        judged = judged_backtest(material, recipe, scheme, progress=progress)
        report = judged.report
    with _timed(seconds, "leakage"):
        leakage = look_for_leakage(material.data, [origin.day for origin in material.plan.backtest])
    with _timed(seconds, "fit"), single_threaded_algebra():
        bundle = fit_bundle(material.data, material.plan.final, recipe, scheme, material.provenance)
        serve = material.data.on(material.plan.serve_day)
        if scheme.referral.certified:
            bundle = with_certificates(bundle, judged.parts, serve.values[serve.eligible])
    with _timed(seconds, "stress"):
        closed = latest_closed_day(material, recipe, scheme)
        stress = stress_test(
            sources, state_dir, material.plan, bundle, recipe, closed=closed, progress=progress
        )
    model = model_name(sources.info.world)
    gates = evaluate(report, champion_report(registry, model), stress, recipe.gates, leakage)
    with _timed(seconds, "evidence"):
        evidence = Evidence(
            meta=facts_of(bundle, material.manifest),
            scheme=scheme,
            report=report,
            stress=stress,
            gates=gates,
            swarms=swarms(bundle, serve.values[serve.eligible]),
        )
        _write(bundle, evidence, leakage, state_dir)
    with _timed(seconds, "register"):
        if progress:
            progress("register", 0, 1)
        handed = submission(state_dir, evidence, recipe, by)
        version = registry.register(model, handed)
        if progress:
            progress("register", 1, 1)
    return TrainingOutcome(
        plan=material.plan,
        backtest=report,
        stress=stress,
        gates=gates,
        version=version,
        bundle_dir=state_dir / "candidate",
        evidence_dir=state_dir / "reports",
        seconds=seconds,
    )


def prepare(
    sources: Sources, state_dir: Path, recipe: Recipe, *, progress: Progress | None = None
) -> Material:
    """Publish every snapshot that the recipe's plan needs, and read them."""
    info = sources.info
    plan = plan_origins(info.first_day, info.last_day, recipe)
    folder = state_dir / "published"
    manifest = publish(sources, folder, plan.days, plan.horizons, progress=progress)
    data = load_training_set(
        folder,
        plan.days,
        recipe.churn.horizon_days,
        recipe.ltv.horizon_days,
        recipe.eligibility,
        more_churn_days=recipe.churn.more_horizons_days,
        more_ltv_days=(recipe.demand.horizon_days,) if recipe.demand else (),
    )
    provenance = Provenance(
        world=info.world,
        currency=info.currency,
        simulated=info.simulated,
        data_fingerprint=manifest.fingerprint(),
        code_version=code_version(),
    )
    return Material(plan, data, manifest, provenance, industries(sources))


def backtest(
    material: Material, recipe: Recipe, scheme: Scheme, *, progress: Progress | None = None
) -> BacktestReport:
    """Run the backtest of prepared material."""
    return judged_backtest(material, recipe, scheme, progress=progress).report


def judged_backtest(
    material: Material, recipe: Recipe, scheme: Scheme, *, progress: Progress | None = None
) -> Backtest:
    """Run the backtest of prepared material and keep the judged rows beside the report."""
    provenance = material.provenance
    with single_threaded_algebra():
        return backtest_rows(
            material.data,
            material.plan,
            recipe,
            lambda origin: fit_bundle(material.data, origin, recipe, scheme, provenance),
            facts={
                "world": provenance.world,
                "currency": provenance.currency,
                "simulated": provenance.simulated,
                "sources": sources_hash(material.manifest),
                "scheme": scheme.id,
            },
            industries=material.industries,
            progress=progress,
        )


def latest_closed_day(material: Material, recipe: Recipe, scheme: Scheme) -> ClosedDay:
    """Return the latest backtest origin with a bundle that knows nothing of its outcomes."""
    origin = max(material.plan.backtest, key=lambda each: each.day)
    with single_threaded_algebra():
        bundle = fit_bundle(material.data, origin, recipe, scheme, material.provenance)
    return ClosedDay.of(material.data, origin.day, bundle)


def stress_test(
    sources: Sources,
    state_dir: Path,
    plan: OriginPlan,
    bundle: Bundle,
    recipe: Recipe,
    *,
    closed: ClosedDay | None = None,
    progress: Progress | None = None,
) -> StressReport:
    """Put a bundle through the recipe's scenarios on the day of service, and on ``closed``."""
    return run_stress(
        sources,
        Snapshot.at(plan.serve_day),
        bundle,
        [load_scenario(name) for name in recipe.stress.scenarios],
        before=read_frame(state_dir / "published" / "indicators" / f"{plan.serve_day}.parquet"),
        closed=closed,
        progress=progress,
    )


def _write(bundle: Bundle, evidence: Evidence, leakage: LeakageReport, state_dir: Path) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".training-", dir=state_dir))
    try:
        bundle.save(staging / "candidate")
        write(evidence, staging / "reports")
        leakage.save(staging / "reports")
        swap(staging / "candidate", state_dir / "candidate")
        swap(staging / "reports", state_dir / "reports")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - begun, 2)
