"""Gates: each limit can pass and fail, and says so in words."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from training.evaluation.gates import GateReport, evaluate
from training.evaluation.leakage import LeakageReport, Resemblance
from training.evaluation.report import OURS, POOLED, BacktestReport, MetricRow, TierRow
from training.evaluation.stress import CheckResult, ScenarioResult, StressReport
from training.recipe import Gates, load_recipe

LIMITS: Gates = load_recipe("default").gates

GOOD = {
    "churn": {"auc": 0.80, "brier": 0.10, "ece": 0.02},
    "ltv": {
        "mae": 100.0,
        "rmse": 300.0,
        "spearman": 0.60,
        "normalised_gini": 0.80,
        "coverage": 0.90,
    },
}
BASELINE = {
    "churn": {"auc": 0.78, "brier": 0.11, "ece": 0.01},
    "ltv": {"mae": 110.0, "rmse": 310.0, "spearman": 0.55, "normalised_gini": 0.79},
}


def report(
    changes: dict[str, float] | None = None, *, psi: float = 0.05, **facts: Any
) -> BacktestReport:
    """A report with good figures but for ``changes`` (``target.metric`` to value)."""
    rows = []
    required = [name.partition(".")[::2] for name in LIMITS.required_baselines]
    rows += [
        MetricRow(target, model, POOLED, 100, True, BASELINE[target]) for target, model in required
    ]
    for model, figures in ((OURS, GOOD), ("simple", BASELINE)):
        for target, metrics in figures.items():
            found = dict(metrics)
            if model == OURS:
                for key, value in (changes or {}).items():
                    if key.startswith(f"{target}."):
                        found[key.split(".")[1]] = value
            rows.append(MetricRow(target, model, POOLED, 100, True, found))
    # knows few customers, and them perfectly: never a fair comparison
    rows.append(MetricRow("ltv", "insider", POOLED, 3, False, {"mae": 0.1, "rmse": 0.1}))
    tier = TierRow(POOLED, 100, 0.8, 1.0, 0.1, 0.1, 0.4, 0.1, 0.8, 0.85, ((50, 10), (10, 30)))
    counts = tuple({"origin": f"2025-0{m}-01", "score_psi": psi} for m in range(1, 5))
    return BacktestReport(
        facts={"world": "w", "origins": [c["origin"] for c in counts], **facts},
        counts=counts,
        rows=tuple(rows),
        tiers=(tier,),
        tier_ids=("a", "b"),
    )


CLEAN = LeakageReport(
    days=("2025-01-01",),
    unlisted=(),
    outcomes=(),
    resemblances=(
        Resemblance("days_since_last_order", "churn", "value", 0.81, 100),
        Resemblance("net_amount_365d", "ltv", "value", 0.62, 100),
    ),
)


def stress(unchanged: float = 0.9, *, failed: bool = False) -> StressReport:
    check = CheckResult("mean score of all customers: not up", 1.0, 10, not failed)
    run = ScenarioResult("fall", "Fall", "下降", unchanged_share=unchanged, checks=(check,))
    skipped = ScenarioResult("late", "Late", "延迟", skipped="no invoices")
    return StressReport("2025-06-30", ("a", "b"), (run, skipped))


def failed(found: GateReport) -> list[str]:
    return [check.name for check in found.failed]


def test_good_figures_pass() -> None:
    found = evaluate(report(), None, stress(), LIMITS, CLEAN)
    assert found.passed
    assert failed(found) == []
    assert "There is no champion: judged against the baselines only." in found.notes
    assert "Scenario late was skipped: no invoices" in found.notes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"churn.auc": 0.60}, {"churn.auc", "churn.auc.behind_baseline"}),
        ({"churn.auc": 0.76}, {"churn.auc.behind_baseline"}),
        ({"churn.ece": 0.20}, {"churn.ece"}),
        ({"churn.brier": 0.12}, {"churn.brier.ratio"}),
        ({"ltv.mae": 120.0}, {"ltv.mae.ratio"}),
        ({"ltv.rmse": 400.0}, {"ltv.rmse.ratio"}),
        ({"ltv.spearman": 0.2}, {"ltv.spearman", "ltv.spearman.behind_baseline"}),
        ({"ltv.normalised_gini": 0.77}, {"ltv.normalised_gini.behind_baseline"}),
        ({"ltv.coverage": 0.7}, {"ltv.coverage.min"}),
        ({"ltv.coverage": 1.0}, {"ltv.coverage.max"}),
        ({"churn.ece": math.nan}, {"churn.ece"}),
    ],
)
def test_each_figure_has_its_gate(changes: dict[str, float], expected: set[str]) -> None:
    assert set(failed(evaluate(report(changes), None, stress(), LIMITS, CLEAN))) == expected


def test_a_draw_with_the_limit_passes() -> None:
    assert evaluate(report({"churn.ece": 0.15}), None, stress(), LIMITS, CLEAN).passed


def test_drift_and_stress_have_gates() -> None:
    found = evaluate(report(psi=0.3), None, stress(0.4, failed=True), LIMITS, CLEAN)
    assert failed(found) == ["score.psi", "stress.fall.unchanged", "stress.fall.directions"]
    told = found.failed[-1]
    assert told.summary() == "stress.fall.directions = 1, must be <= 0"
    assert "mean score of all customers: not up" in told.message


def test_too_few_origins_fail() -> None:
    few = replace(report(), counts=report().counts[:2])
    assert failed(evaluate(few, None, stress(), LIMITS, CLEAN)) == ["origins"]


def test_without_a_baseline_the_comparison_fails() -> None:
    alone = replace(report(), rows=tuple(r for r in report().rows if r.model == OURS))
    assert "ltv.mae.ratio" in failed(evaluate(alone, None, stress(), LIMITS, CLEAN))


def test_a_challenger_may_not_fall_behind_the_champion() -> None:
    champion = report({"ltv.mae": 90.0, "churn.brier": 0.0995})
    found = evaluate(report(), champion, stress(), LIMITS, CLEAN)
    assert failed(found) == ["ltv.mae.behind_champion"]
    assert found.failed[0].value == pytest.approx(1 / 9)
    assert not any("champion" in note for note in found.notes)


def test_incomparable_champions_are_named_and_left_out() -> None:
    champion = report({"ltv.mae": 1.0}, sources="other")
    found = evaluate(report(sources="mine"), champion, stress(), LIMITS, CLEAN)
    assert found.passed
    assert "differs in sources" in found.notes[0]


def test_the_report_survives_json() -> None:
    found = evaluate(report({"churn.ece": math.nan}), None, stress(), LIMITS, CLEAN)
    again = GateReport.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert failed(again) == failed(found)
    assert math.isnan(again.failed[0].value)
    assert again.notes == found.notes


def test_each_missing_baseline_is_named() -> None:
    gone = {("churn", "logistic"), ("ltv", "run_rate")}
    rows = tuple(r for r in report().rows if (r.target, r.model) not in gone)
    found = evaluate(replace(report(), rows=rows), None, stress(), LIMITS, CLEAN)
    assert failed(found) == ["baselines.churn.logistic", "baselines.ltv.run_rate"]
    assert "Baseline churn.logistic is not in the table." in found.failed[0].message


def test_a_baseline_of_some_customers_only_is_missing() -> None:
    rows = tuple(
        replace(r, whole=False, n=60) if (r.target, r.model) == ("churn", "recency") else r
        for r in report().rows
    )
    found = evaluate(replace(report(), rows=rows), None, stress(), LIMITS, CLEAN)
    assert failed(found) == ["baselines.churn.recency"]
    assert "churn.recency knew 60 of 100 rows" in found.failed[0].message


def test_a_recipe_may_require_other_baselines() -> None:
    limits = LIMITS.model_copy(update={"required_baselines": ("ltv.simple", "ltv.nobody")})
    assert failed(evaluate(report(), None, stress(), limits, CLEAN)) == ["baselines.ltv.nobody"]


@pytest.mark.parametrize(
    ("leak", "named"),
    [
        (Resemblance("credit_grade_score", "churn", "value", 0.99, 50), "leakage.churn.credit"),
        (Resemblance("net_amount_30d", "ltv", "known", 1.0, 50), "leakage.ltv.net_amount_30d"),
    ],
)
def test_a_leaky_indicator_is_named(leak: Resemblance, named: str) -> None:
    leaking = replace(CLEAN, resemblances=(leak, *CLEAN.resemblances))
    found = evaluate(report(), None, stress(), LIMITS, leaking)
    assert [name.startswith(named) for name in failed(found)] == [True]
    assert found.failed[0].summary().endswith("must be <= 0.98")
    assert "50 rows" in found.failed[0].message


def test_strange_names_are_told() -> None:
    strange = replace(CLEAN, unlisted=("mine", "net_value"), outcomes=("net_value",))
    found = evaluate(report(), None, stress(), LIMITS, strange)
    assert failed(found) == ["leakage.mine", "leakage.net_value"]
    assert "is not in the catalogue" in found.failed[0].message
    assert "bears the name of an outcome" in found.failed[1].message


def test_what_nobody_looked_at_fails() -> None:
    assert failed(evaluate(report(), None, stress(), LIMITS, None)) == ["leakage.measured"]
    unmeasured = replace(CLEAN, resemblances=())
    found = evaluate(report(), None, stress(), LIMITS, unmeasured)
    assert failed(found) == ["leakage.churn", "leakage.ltv"]


@pytest.mark.parametrize(
    ("change", "ratio", "expected"),
    [
        (-0.05, 1.2, []),
        (0.2, 0.5, []),
        (-0.2, 1.2, ["stress.fall.auc_loss"]),
        (-0.05, 1.9, ["stress.fall.mae_ratio"]),
        (math.nan, math.nan, ["stress.fall.auc_loss", "stress.fall.mae_ratio"]),
        (None, None, []),
    ],
)
def test_ranking_and_error_under_stress_have_gates_where_measured(
    change: float | None, ratio: float | None, expected: list[str]
) -> None:
    calm = stress()
    measured = SimpleNamespace(
        id="fall",
        skipped="",
        unchanged_share=0.9,
        checks=(),
        auc_change=change,
        mae_ratio=ratio,
    )
    found = evaluate(report(), None, replace(calm, scenarios=(measured,)), LIMITS, CLEAN)  # type: ignore[arg-type]
    assert failed(found) == expected
