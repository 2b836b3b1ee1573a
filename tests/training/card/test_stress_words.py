"""The card's part on stress, and what gates advise, in both languages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.card import panels
from training.card.advice import advice, notes
from training.card.evidence import STRONGEST, Swarm, interactions
from training.card.stress_section import check_in_words, direction_table, error_table, sentences
from training.card.wording import words
from training.evaluation.gates import GateCheck, GateReport
from training.evaluation.scenario import DirectionCheck, load_scenario, scenario_names
from training.evaluation.stress_report import (
    ERRORS,
    CheckResult,
    ErrorChange,
    ScenarioResult,
    StressReport,
)

EN, ZH = words("en"), words("zh")


def result(check: DirectionCheck, *, passed: bool = True) -> CheckResult:
    return CheckResult(check.text, 0.5, 10, passed, check.model_dump())


CHECK = DirectionCheck(
    measure="dimension.risk",
    of="each",
    among="touched",
    expect="not_up",
    tolerance=1,
    max_share=0.02,
)


@pytest.fixture
def report() -> StressReport:
    before = dict.fromkeys(ERRORS, 0.8)
    errors = ErrorChange("2025-03-31", 50, before, {**before, "ltv.mae": 1.2, "churn.auc": 0.75})
    late = ScenarioResult(
        "late",
        "Late",
        "延迟",
        customers=100,
        touched=60,
        unchanged_share=0.5,
        psi=0.3,
        mean_change=-2.0,
        migration=((1, 1), (0, 2)),
        checks=(result(CHECK, passed=False),),
        errors=errors,
    )
    surge = ScenarioResult("surge", "Surge", "激增", newcomers=7, population_psi=0.2, customers=9)
    away = ScenarioResult("away", "Away", "缺失", skipped="no table x", lacks=("x", "y.z"))
    return StressReport("2025-06-30", ("a", "b"), (late, surge, away))


def test_both_languages_have_the_same_words() -> None:
    english_only = {"check_mean", "check_median", "check_each", "check_margin"}
    missing = {key for key in set(EN) - set(ZH) if not key.startswith("about_")} - english_only
    assert missing == set()


def test_every_packaged_check_is_told_in_chinese() -> None:
    for name in scenario_names():
        for check in load_scenario(name).checks:
            told = check_in_words(result(check), ZH, "zh")
            assert not any(sign.isascii() and sign.isalpha() for sign in told), told
            assert check_in_words(result(check), EN, "en") == check.text


def test_a_check_tells_its_tolerance_and_exceptions() -> None:
    assert check_in_words(result(CHECK), ZH, "zh") == (
        "受影响客户每一位的风险维度得分不得上升（容差1）（允许2%的客户例外）"
    )


def test_a_check_of_an_old_report_keeps_its_text() -> None:
    assert check_in_words(CheckResult("mean score: not up", 0.0, 3, True), ZH, "zh") == (
        "mean score: not up"
    )


def test_sentences_tell_what_was_skipped_and_who_came(report: StressReport) -> None:
    english, chinese = sentences(report, EN, "en"), sentences(report, ZH, "zh")
    assert english[2].endswith("the sources have no x and no y.z.")
    assert chinese[2].endswith("数据源没有x、y.z。")
    assert "7 simulated newcomers" in english[1]
    assert "7位模拟新客户" in chinese[1]
    assert "newcomers" not in english[0]


def test_errors_before_and_after_stand_in_one_cell(report: StressReport) -> None:
    header, row = error_table(report, ZH, "zh")
    assert row[header.index("MAE")] == "0.8 → 1.2"
    assert error_table(replace(report, scenarios=report.scenarios[1:]), ZH, "zh") == []
    assert direction_table(replace(report, scenarios=report.scenarios[1:]), ZH, "zh") == []


def test_the_heat_map_is_redder_where_it_is_worse(report: StressReport) -> None:
    labels = dict.fromkeys(panels.HEAT, "x")
    heat = panels.stress_heat(report, ["Late", "Surge"], labels, title="t").data[0]
    late, surge = (dict(zip(panels.HEAT, row, strict=True)) for row in heat.z)
    assert late["unchanged_share"] == late["psi"] == 1.0
    assert late["mean_change"] == pytest.approx(0.2)
    assert late["churn_auc_change"] == pytest.approx(1.0)
    assert late["ltv_mae_change"] == pytest.approx(1.0)
    assert late["churn_brier_change"] == 0.0
    assert set(surge.values()) == {0.0}
    assert heat.text[1][list(panels.HEAT).index("ltv_mae_change")] == "–"


def gate(name: str, *, passed: bool = False) -> GateCheck:
    return GateCheck(name, passed, 0.1, 0.2, ">=", "English advice.")


@pytest.mark.parametrize(
    "name",
    [
        "origins",
        "churn.auc",
        "ltv.coverage.max",
        "ltv.mae.ratio",
        "churn.auc.behind_baseline",
        "ltv.rmse.behind_champion",
        "stress.late.unchanged",
    ],
)
def test_gates_advise_in_the_language_of_the_card(report: StressReport, name: str) -> None:
    assert advice(gate(name), report, EN, "en") == "English advice."
    told = advice(gate(name), report, ZH, "zh")
    assert told
    assert "advice" not in told
    assert advice(gate(name, passed=True), report, ZH, "zh") == ""


def test_a_failed_direction_is_named(report: StressReport) -> None:
    told = advice(gate("stress.late.directions"), report, ZH, "zh")
    assert "受影响客户每一位的风险维度得分不得上升" in told


def test_an_unknown_gate_keeps_its_own_words(report: StressReport) -> None:
    assert advice(gate("moon.phase"), report, ZH, "zh") == "English advice."


def test_notes_in_chinese(report: StressReport) -> None:
    told = GateReport(
        (gate("origins"),),
        (
            "There is no champion: judged against the baselines only.",
            "The champion's backtest differs in world, origins: its figures are not comparable, "
            "judged against the baselines only.",
            "Scenario away was skipped: no table x",
            "Something new.",
        ),
    )
    assert notes(told, report, EN, "en") == (*told.notes[:2], "Something new.")
    chinese = notes(told, report, ZH, "zh")
    assert chinese[0].startswith("尚无在用版本")
    assert "world, origins" in chinese[1]
    assert chinese[2:] == ("Something new.",)


def test_partners_are_the_indicators_that_interact() -> None:
    """The contribution of a turns with the sign of b; c is noise, d is the same for all."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(600, 4))
    values[:, 3] = 1.0
    phi = np.column_stack(
        [values[:, 0] * values[:, 1], 0.5 * values[:, 1], 0.1 * values[:, 2], np.full(600, 9.0)]
    )
    values[rng.random(600) < 0.05, 1] = np.nan
    found = interactions(("a", "b", "c", "d"), phi, values)
    assert list(found) == ["a", "b", "c"]
    assert len(found) <= STRONGEST
    assert found["a"] == "b"
    assert interactions(("a",), phi[:, :1], values[:, :1]) == {}


def test_dependence_cuts_the_ends_and_leaves_the_unknown_out() -> None:
    values = np.column_stack([np.arange(200.0), np.arange(200.0)])
    values[0, 0] = 1e9
    values[5, 0] = np.nan
    swarm = Swarm(("a", "b"), values * 0.01, values, {"a": "b"})
    figure = panels.dependence(swarm, {"a": "Spend"}, title="t", y="y", coloured="by {other}")
    drawn = np.asarray(figure.data[0].x)
    assert 190 < len(drawn) < 199
    assert drawn.max() < 200
    assert figure.layout.annotations[0].text == "Spend (by b)"
