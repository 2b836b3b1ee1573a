"""A fragile model is stopped by the gate that names its fault; a robust one passes.

All bundles are really fitted, on the published indicators of one small shop. The fragile ones
were planted: what they learned hangs on one indicator of a short window or of one source, and
their scheme grades by that prediction almost alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.schema import FloatArray, IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources
from tests.factories import Row
from tests.factories import sources as taken_in
from tiering.policy import IndicatorWeight, Scheme
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.evaluation import stress as stress_test
from training.evaluation.gates import evaluate
from training.evaluation.leakage import LeakageReport
from training.evaluation.report import OURS, POOLED, SHOWN, BacktestReport, MetricRow, TierRow
from training.evaluation.scenario import Scenario, load_scenario
from training.evaluation.stress import ClosedDay, StressReport, run_stress
from training.fitting import fit_bundle
from training.pipeline import Material, prepare
from training.recipe import Recipe, parse_recipe

# Not traced: test_stress.py runs the same lines.
pytestmark = [pytest.mark.long, pytest.mark.no_cover]

BEGIN = datetime(2025, 1, 1, 12)
DAYS = 420
CUSTOMERS = 150
NAMES = ("orders_stale_14", "interactions_missing", "payments_plus_30", "demand_minus_30")


def shop(seed: int = 5) -> dict[str, Sequence[Row]]:
    """Customers with a rhythm of their own; those who will leave pay late; contacts."""
    rng = np.random.default_rng(seed)
    orders: list[Row] = []
    invoices: list[Row] = []
    contacts: list[Row] = []
    for number in range(CUSTOMERS):
        who, rhythm, leaves = f"c{number:03d}", rng.uniform(3.0, 9.0), rng.random() < 0.3
        spend, delay = rng.lognormal(4.0, 0.7), rng.integers(25, 60) if leaves else 5
        day, until = float(rng.integers(0, 150)), DAYS - (rng.integers(0, 200) if leaves else 0)
        while day < until:
            at = BEGIN + timedelta(days=int(day))
            amount = round(spend * rng.lognormal(0.0, 0.3), 2)
            orders.append({"customer_id": who, "occurred_at": at, "net_amount": amount})
            paid = at + timedelta(days=int(delay + rng.integers(5, 20)))
            invoices.append(
                {"customer_id": who, "occurred_at": at, "amount": amount, "paid_at": paid}
            )
            day += rng.exponential(rhythm) + 0.5
        for age in rng.integers(0, DAYS, size=rng.poisson(rng.uniform(5.0, 60.0))):
            at = BEGIN + timedelta(days=int(age))
            contacts.append({"customer_id": who, "occurred_at": at})
    return {"orders": orders, "invoices": invoices, "interactions": contacts}


@pytest.fixture(scope="module")
def eager(recipe: Recipe) -> Recipe:
    """The small recipe with trees that learn what they are given, sense or not."""
    new = {"learning_rate": 0.1, "rounds": 60, "train_origins": 3}
    keys = [(line, line.split(" = ")[0]) for line in recipe.text.splitlines()]
    text = "\n".join(f"{key} = {new[key]}" if key in new else line for line, key in keys)
    return parse_recipe(text, origin="eager")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return taken_in(tmp_path_factory.mktemp("shop") / "sources", **shop())


@pytest.fixture(scope="module")
def material(sources: Sources, eager: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return prepare(sources, tmp_path_factory.mktemp("state"), eager)


@pytest.fixture(scope="module", autouse=True)
def _events_perturbed_once(sources: Sources) -> Iterator[None]:
    """Perturbed indicators do not depend on the bundle: each pair of scenario and day once."""
    real = stress_test._stressed
    done: dict[tuple[Snapshot, str], IndicatorFrame] = {}

    def remembered(given: Sources, snapshot: Snapshot, scenario: Scenario) -> IndicatorFrame:
        if given is not sources:
            return real(given, snapshot, scenario)
        key = snapshot, scenario.model_dump_json()
        if key not in done:
            done[key] = real(given, snapshot, scenario)
        return done[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stress_test, "_stressed", remembered)
        yield


def hanging_on(prediction: str, dimension: str) -> Scheme:
    """The default scheme with nearly all its weight on one prediction, and even tiers."""
    scheme = load_scheme()
    dimensions = []
    for each in scheme.dimensions:
        chosen = prediction if each.id == dimension else each.indicators[-1].name
        alone = (IndicatorWeight(name=chosen, weight=1.0),)
        weight = 0.92 if each.id == dimension else 0.02
        dimensions.append(each.model_copy(update={"weight": weight, "indicators": alone}))
    return scheme.model_copy(update={"dimensions": tuple(dimensions)})


def fitted(
    material: Material,
    recipe: Recipe,
    scheme: Scheme | None = None,
    churned: FloatArray | None = None,
    net_value: FloatArray | None = None,
) -> Bundle:
    """A bundle of the day of service, with planted outcomes where they are given."""
    data = material.data
    if churned is not None:
        data = replace(data, churned=np.where(np.isnan(data.churned), np.nan, churned))
    if net_value is not None:
        data = replace(data, net_value=np.where(np.isnan(data.net_value), np.nan, net_value))
    return fit_bundle(
        data, material.plan.final, recipe, scheme or load_scheme(), material.provenance
    )


@pytest.fixture(scope="module")
def robust(material: Material, recipe: Recipe) -> Bundle:
    """What anybody would serve: the small recipe, the default scheme, the real outcomes."""
    return fitted(material, recipe)


def stressed(
    sources: Sources, material: Material, bundle: Bundle, *names: str, closed: bool = False
) -> StressReport:
    """``closed``: on a closed day besides, and from unperturbed indicators made anew."""
    day, today = max(origin.day for origin in material.plan.backtest), material.plan.serve_day
    calm = material.data.on(today)
    return run_stress(
        sources,
        Snapshot.at(today),
        bundle,
        [load_scenario(name) for name in names],
        before=None
        if closed
        else IndicatorFrame(today, calm.customer_id, calm.columns, calm.values),
        closed=ClosedDay.of(material.data, day, bundle) if closed else None,
    )


def failing(stress: StressReport, recipe: Recipe) -> set[str]:
    """Names of the stress gates that fail; the limits are those of the packaged recipes."""
    rows = tuple(
        MetricRow(target, model, POOLED, 10, True, {**dict.fromkeys(names, 0.8), "coverage": 0.9})
        for target, names in SHOWN.items()
        for model in (OURS, "other")
    )
    tier = TierRow(POOLED, 1, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, ((1,),))
    counts = ({"origin": "2025-06-30", "score_psi": 0.0},)
    backtest = BacktestReport(facts={}, counts=counts, rows=rows, tiers=(tier,), tier_ids=("a",))
    report = evaluate(backtest, None, stress, recipe.gates, LeakageReport((), (), (), ()))
    return {check.name for check in report.failed if check.name.startswith("stress.")}


def unstable(stress: StressReport, recipe: Recipe) -> set[str]:
    """The gates of kept tiers among those that fail."""
    return {name for name in failing(stress, recipe) if name.endswith(".unchanged")}


def test_a_robust_model_passes_and_its_accuracy_is_told(
    sources: Sources, material: Material, robust: Bundle, recipe: Recipe
) -> None:
    stress = stressed(sources, material, robust, *NAMES, closed=True)
    assert [result.id for result in stress.ran] == list(NAMES)
    assert all(result.touched > 0 for result in stress.ran)
    assert failing(stress, recipe) == set()
    stale = stress.ran[0]
    day = max(origin.day for origin in material.plan.backtest)
    there = material.data.on(day)
    judged = there.where(there.eligible)
    assert stale.errors is not None
    assert stale.errors.as_of == str(day)
    assert 0 < stale.errors.n <= len(judged)
    if stale.errors.n == len(judged):
        wrong = np.abs(robust.score(judged.values).ltv - judged.net_value).mean()
        assert stale.errors.before["ltv.mae"] == pytest.approx(wrong)
    assert stale.errors.after["ltv.mae"] > stale.errors.before["ltv.mae"]
    flat = stale.flat()
    assert flat["ltv_mae_change"] == stale.errors.relative("ltv.mae") > 0
    assert flat["churn_brier_change"] == stale.errors.change("churn.brier")
    document = json.loads(json.dumps(stress.to_dict(), allow_nan=False))
    assert StressReport.from_dict(document) == stress


def test_a_model_that_hangs_on_a_fortnight_fails_on_stale_data(
    sources: Sources, material: Material, eager: Recipe
) -> None:
    """Its churn is told by whether the last order is a few days old, and by nothing else."""
    rng = np.random.default_rng(1)
    silent = material.data.column("days_since_last_order")
    churned = (silent > rng.uniform(0.0, 12.0, size=len(silent))).astype(np.float64)
    scheme = hanging_on("churn_probability", "risk")
    fragile = fitted(material, eager, scheme, churned=churned)
    stress = stressed(sources, material, fragile, "orders_stale_14", "interactions_missing")
    assert unstable(stress, eager) == {"stress.orders_stale_14.unchanged"}


def test_a_model_that_hangs_on_one_source_fails_without_it(
    sources: Sources, material: Material, eager: Recipe
) -> None:
    """Its value is the number of recent contacts; without the contact log all are alike."""
    contacts = material.data.column("interaction_count_90d")
    fragile = fitted(
        material, eager, hanging_on("ltv", "value"), net_value=1.0 + 1_000.0 * contacts
    )
    stress = stressed(sources, material, fragile, "interactions_missing", "payments_plus_30")
    assert unstable(stress, eager) == {"stress.interactions_missing.unchanged"}


def test_a_model_that_likes_late_payers_fails_its_direction(
    sources: Sources, material: Material, eager: Recipe
) -> None:
    """It has learned that who pays late stays."""
    dso = np.nan_to_num(material.data.column("dso_days_365d"))
    churned = (dso < np.median(dso)).astype(np.float64)
    fragile = fitted(material, eager, churned=churned)
    stress = stressed(sources, material, fragile, "payments_plus_30")
    failed = {check.text for check in stress.ran[0].failed}
    assert any("churn_probability" in text for text in failed)
    assert "stress.payments_plus_30.directions" in failing(stress, eager)


def test_the_packaged_limits_are_what_is_asserted_here(eager: Recipe) -> None:
    assert eager.gates.min_stress_unchanged_share == 0.5


def test_a_scenario_that_leaves_nobody_is_skipped(
    sources: Sources, material: Material, robust: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "never.toml"
    text = (Path("training") / "scenarios" / "orders_stale_14.toml").read_text("utf-8")
    path.write_text(text.replace("days = 14", f"days = {2 * DAYS}"), "utf-8")
    stress = stressed(sources, material, robust, str(path))
    assert stress.scenarios[0].skipped == "no customer has an order left"
    assert stress.flat() == {}
