"""Planted leaks are found and named; honest indicators are not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from features.schema import CATALOGUE, FloatArray
from training.dataset import TrainingSet
from training.evaluation.leakage import SAMPLE, LeakageReport, _sample, look_for_leakage
from training.splits import OriginPlan

PLANTED = "capital_strength_score"
"""An indicator that is empty in the small world."""


def planted(data: TrainingSet, column: FloatArray, name: str = PLANTED) -> TrainingSet:
    values = data.values.copy()
    values[:, data.columns.index(name)] = column
    return replace(data, values=values)


def look(data: TrainingSet, plan: OriginPlan) -> LeakageReport:
    return look_for_leakage(data, [origin.day for origin in plan.backtest])


def leaky(report: LeakageReport, target: str) -> list[str]:
    return [each.indicator for each in report.of(target) if each.strength > 0.98]


def test_an_honest_world_has_no_leak(data: TrainingSet, plan: OriginPlan) -> None:
    report = look(data, plan)
    assert report.unlisted == report.outcomes == ()
    for target in ("churn", "ltv"):
        found = report.of(target)
        assert found
        assert 0.3 < found[0].strength < 0.9
    assert {each.indicator for each in report.resemblances} <= set(CATALOGUE)
    assert report.days == tuple(str(origin.day) for origin in plan.backtest)


@pytest.mark.parametrize("kind", ["label", "turned", "noisy"])
def test_an_indicator_that_is_the_label_is_found(
    data: TrainingSet, plan: OriginPlan, kind: str
) -> None:
    rng = np.random.default_rng(1)
    column = {
        "label": data.churned,
        "turned": 70 - 40 * data.churned,
        "noisy": data.churned + rng.normal(0, 0.2, len(data)),
    }[kind]
    found = look(planted(data, column), plan)
    assert leaky(found, "churn") == [PLANTED]
    assert found.of("churn")[0].seen == "value"


def test_an_indicator_known_only_of_those_who_came_back_is_found(
    data: TrainingSet, plan: OriginPlan
) -> None:
    chance = np.random.default_rng(2).uniform(0, 100, len(data))
    found = look(planted(data, np.where(data.churned == 0.0, chance, np.nan)), plan)
    assert leaky(found, "churn") == [PLANTED]
    assert found.of("churn")[0].seen == "known"


def test_an_indicator_that_is_future_spend_is_found(data: TrainingSet, plan: OriginPlan) -> None:
    noise = np.random.default_rng(3).lognormal(0, 0.02, len(data))
    found = look(planted(data, np.log1p(np.maximum(data.net_value, 0)) * noise), plan)
    assert leaky(found, "ltv") == [PLANTED]
    assert PLANTED in leaky(found, "churn")


def test_a_weak_hint_is_no_leak(data: TrainingSet, plan: OriginPlan) -> None:
    hint = data.churned + np.random.default_rng(4).normal(0, 2.0, len(data))
    assert leaky(look(planted(data, hint), plan), "churn") == []


def test_names_that_do_not_belong_are_told(data: TrainingSet, plan: OriginPlan) -> None:
    columns = ("net_value", "my_secret", *data.columns[2:])
    found = look(replace(data, columns=columns), plan)
    assert found.unlisted == ("net_value", "my_secret")
    assert found.outcomes == ("net_value",)


def test_too_few_customers_to_tell_are_not_told_of(data: TrainingSet, plan: OriginPlan) -> None:
    few = np.isin(data.customer_id, np.unique(data.customer_id)[:15])
    assert look(data.where(few), plan).resemblances == ()


def test_columns_that_models_do_not_learn_from_are_left_alone(
    data: TrainingSet, plan: OriginPlan
) -> None:
    name = next(i.name for i in CATALOGUE.values() if not i.model_input)
    assert leaky(look(planted(data, data.churned, name), plan), "churn") == []


def test_many_customers_are_sampled_evenly(data: TrainingSet) -> None:
    assert len(_sample(data)) == len(data)
    big = TrainingSet(
        ("x",),
        np.arange(SAMPLE * 3, dtype=np.float64)[:, None],
        np.full(SAMPLE * 3, "c"),
        np.full(SAMPLE * 3, "2025-01-01", dtype="datetime64[D]"),
        np.zeros(SAMPLE * 3),
        np.zeros(SAMPLE * 3),
        np.ones(SAMPLE * 3, dtype=np.bool_),
    )
    kept = _sample(big).column("x")
    assert len(kept) == SAMPLE
    assert (kept[0], kept[-1]) == (0, SAMPLE * 3 - 1)


def test_the_report_survives_json(data: TrainingSet, plan: OriginPlan) -> None:
    found = look(data, plan)
    assert LeakageReport.from_dict(json.loads(json.dumps(found.to_dict()))) == found
