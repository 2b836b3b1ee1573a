"""The rolling-origin backtest: no looking ahead, figures that can be checked by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import jsonschema_rs
import numpy as np
import pytest

from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import TrainingSet
from training.evaluation import metrics
from training.evaluation.backtest import run_backtest
from training.evaluation.baselines import CHURN, LTV
from training.evaluation.report import OURS, POOLED, SCHEMA_VERSION, BacktestReport
from training.evaluation.rows import SliceRow
from training.evaluation.tables import (
    coverage_table,
    difference_table,
    indicator_table,
    markdown,
    metric_table,
    rich_table,
    slice_table,
    tier_quality_table,
    tier_table,
    weight_table,
)
from training.fitting import Provenance, fit_bundle
from training.models.threads import single_threaded_algebra
from training.recipe import Recipe
from training.splits import Origin, OriginPlan

PROVENANCE = Provenance("small", "EUR", True, "0" * 64, "test")


class Fitter:
    """Fits as the pipeline does and remembers what it was asked for."""

    def __init__(self, data: TrainingSet, recipe: Recipe) -> None:
        self.data, self.recipe = data, recipe
        self.bundles: dict[str, Bundle] = {}

    def __call__(self, origin: Origin) -> Bundle:
        bundle = fit_bundle(self.data, origin, self.recipe, load_scheme(), PROVENANCE)
        self.bundles[str(origin.day)] = bundle
        return bundle


@pytest.fixture(scope="module")
def fitter(data: TrainingSet, recipe: Recipe) -> Fitter:
    return Fitter(data, recipe)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def report(
    data: TrainingSet,
    plan: OriginPlan,
    recipe: Recipe,
    fitter: Fitter,
    told: list[tuple[str, int, int]],
) -> BacktestReport:
    def tell(*what: object) -> None:
        told.append(what)  # type: ignore[arg-type]

    with single_threaded_algebra():
        return run_backtest(data, plan, recipe, fitter, facts={"world": "small"}, progress=tell)


def test_every_origin_is_fitted_once_on_closed_labels(
    report: BacktestReport, plan: OriginPlan, fitter: Fitter, recipe: Recipe
) -> None:
    assert len(report.origins) == recipe.backtest.origins >= 4
    assert list(fitter.bundles) == list(report.origins)
    horizon = timedelta(days=recipe.churn.horizon_days)
    for origin, count in zip(plan.backtest, report.counts, strict=True):
        assert max(origin.churn.train_days) + horizon <= origin.day
        assert count["origin"] == str(origin.day)


def test_later_data_do_not_change_an_earlier_origin(
    report: BacktestReport, data: TrainingSet, plan: OriginPlan, recipe: Recipe
) -> None:
    """Outcomes that close after the first origin are poisoned; its predictions stay."""
    first = plan.backtest[0]
    horizon = np.timedelta64(recipe.churn.horizon_days, "D")
    later = data.as_of + horizon > np.datetime64(first.day)
    poisoned = replace(
        data,
        churned=np.where(later, 1.0 - data.churned, data.churned),
        net_value=np.where(later, 1e6, data.net_value),
    )
    with single_threaded_algebra():
        bundle = fit_bundle(poisoned, first, recipe, load_scheme(), PROVENANCE)
    test = data.on(first.day)
    test = test.where(test.eligible)
    row = next(r for r in report.rows if r.model == OURS and r.target == "churn")
    assert row.origin == str(first.day)
    probability = bundle.score(test.values).churn_probability
    assert metrics.brier(test.churned, probability) == row.metrics["brier"]


def test_all_models_stand_side_by_side(report: BacktestReport) -> None:
    for target, baselines in (("churn", CHURN), ("ltv", LTV)):
        for origin in (*report.origins, POOLED):
            there = [r for r in report.rows if r.target == target and r.origin == origin]
            for days in (60, 30):  # the graded horizon comes first
                rows = [row for row in there if row.horizon_days == days]
                assert [row.model for row in rows] == [OURS, *baselines]
                assert len({row.n for row in rows if row.whole}) == 1
            assert {row.horizon_days for row in there} == {60, 30}


def test_pooled_figures_are_over_all_rows(
    report: BacktestReport, data: TrainingSet, plan: OriginPlan, fitter: Fitter
) -> None:
    label, probability, actual, value, ranked = [], [], [], [], []
    for origin in plan.backtest:
        test = data.on(origin.day)
        test = test.where(test.eligible)
        scores = fitter.bundles[str(origin.day)].score(test.values)
        label.append(test.churned)
        probability.append(scores.churn_probability)
        actual.append(test.net_value)
        value.append(scores.ltv)
        ranked.append(metrics.auc(test.churned, scores.churn_probability))
    joined = np.concatenate(label), np.concatenate(probability)
    assert report.metric("churn", "brier") == metrics.brier(*joined)
    assert report.metric("churn", "auc") == pytest.approx(
        np.average(ranked, weights=[len(part) for part in label])
    )
    spent = np.concatenate(actual)
    assert report.metric("ltv", "mae") == pytest.approx(
        np.abs(spent - np.concatenate(value)).mean()
    )
    assert report.pooled("churn")[OURS].n == len(spent) == sum(c["eligible"] for c in report.counts)
    assert report.metric("churn", "absent") is math.nan
    assert math.isnan(report.metric("churn", "auc", "absent"))


def test_a_constant_ranks_nobody_although_it_differs_from_origin_to_origin(
    report: BacktestReport,
) -> None:
    rates = {
        round(row.metrics["brier"], 6)
        for row in report.rows
        if row.model == "base_rate" and row.origin != POOLED
    }
    assert len(rates) > 1
    assert report.metric("churn", "auc", "base_rate") == pytest.approx(0.5)


def test_the_small_world_can_be_learned(report: BacktestReport) -> None:
    assert report.metric("churn", "auc") > 0.65
    assert report.metric("ltv", "spearman") > 0.5
    assert 0.7 < report.metric("ltv", "coverage") < 1.0


def test_tiers_add_up(report: BacktestReport) -> None:
    pooled = report.pooled_tiers()
    cells = np.array(pooled.confusion)
    assert cells.sum() == pooled.n == sum(row.n for row in report.tiers[:-1])
    assert pooled.accuracy == pytest.approx(np.trace(cells) / pooled.n)
    assert pooled.too_high == pytest.approx(np.triu(cells, 1).sum() / pooled.n)
    assert pooled.too_low == pytest.approx(np.tril(cells, -1).sum() / pooled.n)
    assert pooled.accuracy + pooled.too_high + pooled.too_low == pytest.approx(1.0)
    assert pooled.accuracy <= pooled.within_one <= 1.0
    assert pooled.accuracy > pooled.majority
    given, right = cells.sum(axis=1), cells.sum(axis=0)
    for tier in range(len(report.tier_ids)):
        assert pooled.precision(tier) == pytest.approx(cells[tier, tier] / given[tier])
        assert pooled.recall(tier) == pytest.approx(cells[tier, tier] / right[tier])


def test_precision_is_by_tier_given_and_recall_by_hindsight(report: BacktestReport) -> None:
    row = replace(report.pooled_tiers(), confusion=((3, 1, 0), (6, 10, 0), (0, 0, 0)))
    assert (row.precision(0), row.recall(0)) == (3 / 4, 3 / 9)
    assert math.isnan(row.precision(2))
    assert math.isnan(row.recall(2))
    few = replace(report, tiers=(row,))
    header, top, _, empty = tier_quality_table(few, ("A", "B", "C"))
    assert header[-2:] == ["precision", "recall"]
    assert top == ["A", "4", "9", "75.0%", "33.3%"]
    assert empty == ["C", "0", "0", "–", "–"]


def test_coverage_is_told_for_every_origin(report: BacktestReport) -> None:
    header, *rows = coverage_table(report, ("origin", "n", "inside"))
    assert header == ["origin", "n", "inside"]
    assert [row[0] for row in rows] == [*report.origins, POOLED]
    assert rows[-1][2] == f"{report.metric('ltv', 'coverage'):.1%}"


def test_perfect_foresight_earns_perfect_tiers(
    data: TrainingSet, plan: OriginPlan, recipe: Recipe, fitter: Fitter, report: BacktestReport
) -> None:
    """A model that knows the outcome gets the hindsight tiers: the yardstick is consistent."""
    from training.evaluation.backtest import _judge

    class Prophet(Bundle):
        def score(self, values, seen=None):  # type: ignore[no-untyped-def]
            found = Bundle.score(self, values, seen)
            if len(values) != int(test.eligible.sum()):
                return found
            known = test.where(test.eligible)
            return replace(found, ltv=known.net_value, churn_probability=known.churned)

    origin = plan.backtest[-1]
    test = data.on(origin.day)
    base = fitter.bundles[str(origin.day)]
    prophet = Prophet(**{name: getattr(base, name) for name in base.__dataclass_fields__})
    judged, _ = _judge(data, origin, recipe, prophet)
    assert (judged.tier == judged.strict).all()
    churn, ltv = judged.main("churn"), judged.main("ltv")
    assert metrics.auc(churn.actual, churn.by_model[OURS]) == 1.0
    assert metrics.mae(ltv.actual, ltv.by_model[OURS]) == 0.0


def test_differences_say_which_model_is_better(report: BacktestReport) -> None:
    naive = next(
        d for d in report.differences if (d["model"], d["metric"]) == ("base_rate", "brier")
    )
    assert naive["low"] <= naive["mean"] <= naive["high"] < 0
    ours, other = report.metric("churn", "brier"), report.metric("churn", "brier", "base_rate")
    assert naive["mean"] == pytest.approx(ours - other)


def test_best_baselines_and_those_that_do_not_count(report: BacktestReport) -> None:
    model, value = report.best_baseline("churn", "brier")
    assert model != OURS
    assert value == min(
        row.metrics["brier"] for row in report.pooled("churn").values() if row.model != OURS
    )
    model, value = report.best_baseline("ltv", "spearman")
    assert model != OURS
    assert model in LTV
    assert report.best_baseline("churn", "absent")[0] == "none"
    assert "last_year" not in report.pooled("ltv", comparable=True)
    won = tuple(
        replace(row, metrics={**row.metrics, "mae": 0.0}) if row.model == "log_lightgbm" else row
        for row in report.rows
    )
    model, value = replace(report, rows=won).best_baseline("ltv", "mae")
    assert model != "log_lightgbm"
    assert value > 0  # a median may be nearer: the served number is an expectation


def test_progress_is_told(report: BacktestReport, told: list[tuple[str, int, int]]) -> None:
    assert [done for _, done, _ in told] == [0, 1, 2, 3, 4, 5]
    assert told[0][0] == f"backtest {report.origins[0]}"


def test_the_report_survives_json(report: BacktestReport) -> None:
    text = json.dumps(report.to_dict(), allow_nan=False)
    again = BacktestReport.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text
    assert again.metric("ltv", "rmse") == report.metric("ltv", "rmse")
    assert math.isnan(again.metric("ltv", "mae", "last_year"))
    assert again.pooled_tiers() == report.pooled_tiers()


def test_the_report_meets_its_schema_and_the_schema_says_something(
    report: BacktestReport,
) -> None:
    text = (files("training") / "evaluation" / "backtest_report.schema.json").read_text("utf-8")
    schema = json.loads(text)
    validator = jsonschema_rs.validator_for(schema)
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert [error.message for error in validator.iter_errors(document)] == []
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert set(document) == set(schema["properties"])
    for key in document:
        assert not validator.is_valid({k: v for k, v in document.items() if k != key}), key
    for key in ("rows", "tiers", "differences", "slices", "indicators"):
        strange = [{**document[key][0], "unheard_of": 1}]
        assert not validator.is_valid({**document, key: strange}), key
    low = [{**document["tiers"][0], "accuracy": 1.5}]
    assert not validator.is_valid({**document, "tiers": low})


def test_both_definitions_of_the_right_tier_stand_beside_the_grades(
    report: BacktestReport,
) -> None:
    assert [row.origin for row in report.value_tiers] == [row.origin for row in report.tiers]
    for scheme, value in zip(report.tiers, report.value_tiers, strict=True):
        given = [sum(row) for row in scheme.confusion]
        assert given == [sum(row) for row in value.confusion]
        assert value.n == scheme.n
        # nobody's tier is better by value than there are places for
        right = np.cumsum(np.array(value.confusion).sum(axis=0))
        assert (right <= np.cumsum(given)).all()
    assert 0.0 <= report.stability["reversal_rate"] <= report.stability["change_rate"]
    assert "backtest.tier.reversal_rate" in report.flat()


def _is(row: SliceRow, by: str, target: str, days: int) -> bool:
    return (row.by, row.target, row.horizon_days) == (by, target, days)


def test_evidence_is_of_the_judged_rows(report: BacktestReport, data: TrainingSet) -> None:
    n = report.pooled("ltv")[OURS].n
    assert report.weights["n"] == n
    assert sum(row["data"] for row in report.weights["dimensions"]) == pytest.approx(1.0)
    assert {row["indicator"]: row["n"] for row in report.indicators}["ltv"] == n
    assert sum(row.n for row in report.slices if _is(row, "tenure", "ltv", 60)) == n
    assert not any(row.by == "industry" for row in report.slices)
    assert -1.0 <= report.history["beyond_past_spend"] <= 1.0


def test_flat_figures_for_the_registry(report: BacktestReport) -> None:
    flat = report.flat()
    assert flat["backtest.churn.auc"] == report.metric("churn", "auc")
    assert flat["backtest.ltv.run_rate.mae"] == report.metric("ltv", "mae", "run_rate")
    assert flat["backtest.tier.accuracy"] == report.pooled_tiers().accuracy
    assert flat["backtest.origins"] == 4.0
    top = report.tier_ids[0]
    assert flat[f"backtest.tiers.{top}.precision"] == report.pooled_tiers().precision(0)
    assert flat[f"backtest.tiers.{top}.recall"] == report.pooled_tiers().recall(0)
    assert report.pooled("ltv")["last_year"].n == 0
    assert not any(name.startswith("backtest.ltv.last_year") for name in flat)


def test_tables_for_people(report: BacktestReport) -> None:
    header, *rows = metric_table(report, "ltv")
    assert header[-1] == "inside"
    # nobody's last year is known in the small world
    assert [row[0] for row in rows] == [OURS, *(name for name in LTV if name != "last_year")]
    for column in range(2, len(header) - 1):
        assert any(row[column].endswith("*") for row in rows), header[column]
    partial = tuple(replace(row, whole=row.model != "run_rate") for row in report.rows)
    marked = metric_table(replace(report, rows=partial), "ltv")
    assert marked[2][0] == "run_rate †"
    assert not any(cell.endswith("*") for cell in marked[2])
    header, *compared = difference_table(report, "churn")
    assert header == ["ours less", "AUC", "log loss", "Brier"]
    assert [row[0] for row in compared] == [f"{name}, {d} d" for d in (60, 30) for name in CHURN]
    assert compared[0][3].endswith("*")  # surely better than the base rate
    worse = tuple({**d, "low": 1.0, "mean": 2.0, "high": 3.0} for d in report.differences)
    marked_worse = difference_table(replace(report, differences=worse), "churn")
    assert marked_worse[1][1:] == ["+2*", "+2 x", "+2 x"]
    assert slice_table(report)[1][0].startswith("tenure ")
    assert len(weight_table(report)) == 6
    assert [row[0] for row in indicator_table(report)[1:]] == [
        row["indicator"] for row in report.indicators if row["n"]
    ]
    assert tier_table(report, by_value=True) != tier_table(report)
    text = markdown(tier_table(report))
    assert text.count("\n") == len(report.tiers) + 1
    assert text.splitlines()[-1].startswith("| pooled |")
    assert rich_table([header, *rows], "LTV").row_count == len(rows)
