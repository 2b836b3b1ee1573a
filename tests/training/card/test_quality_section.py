"""What the card says of tiers, of parts of the customers, of indicators and of weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from tiering.policy import Scheme
from tiering.scheme import load_scheme
from training.card import panels
from training.card import quality_section as quality
from training.card.svg import to_svg
from training.card.wording import Language, words
from training.evaluation.report import OURS, POOLED, BacktestReport, MetricRow, SliceRow, TierRow

LANGUAGES: tuple[Language, ...] = get_args(Language)


def tier_row(origin: str, accuracy: float) -> TierRow:
    confusion = ((3, 1), (0, 4))
    return TierRow(
        origin, 8, accuracy, 0.99, 0.125, 0.0, 0.625, 0.25, math.nan, accuracy + 0.01, confusion
    )


def indicator(name: str, share: float | None, **more: Any) -> dict[str, Any]:
    known = share is not None
    low, high = (share - 0.01, share + 0.01) if share is not None else (None, None)
    return {
        "indicator": name,
        "dimension": "value",
        "weight": 0.5,
        "n": 400 if known else 0,
        "too_high": share,
        "too_low": 0.0 if known else None,
        "misjudged": share,
        "low": low,
        "high": high,
        "by_chance": 0.25 if known else None,
        "over_limit": known and share > 0.1,
        "proposed_weight": 0.5,
    } | more


@pytest.fixture
def scheme() -> Scheme:
    return load_scheme()


@pytest.fixture
def report() -> BacktestReport:
    slices = (
        SliceRow("tenure", "under_90_days", "churn", 90, 30, {"auc": 0.7, "bias": 0.02}),
        SliceRow(
            "tenure",
            "under_90_days",
            "ltv",
            90,
            30,
            {"mae": 12_345.6, "bias": -0.2, "bias_beside_all": -0.21},
            {"bias": (-0.3, -0.1)},
        ),
        SliceRow("tenure", "under_90_days", "ltv", 30, 30, {"mae": 1.0, "bias": 9.0}),
        SliceRow(
            "tenure", "under_90_days", "tier", 0, 31, {"accuracy": 0.6, "value_accuracy": 0.5}
        ),
        SliceRow("industry", "chemicals", "tier", 0, 4, {"accuracy": 1.0, "value_accuracy": 0.75}),
    )
    return BacktestReport(
        facts={"churn_horizon_days": 90, "ltv_horizon_days": 90},
        counts=(),
        rows=tuple(
            MetricRow(target, OURS, POOLED, 31, True, {}, days)
            for target, days in (("churn", 90), ("ltv", 90), ("ltv", 30))
        ),
        tiers=(tier_row("2025-01-01", 0.1), tier_row(POOLED, 0.875)),
        tier_ids=("a", "b"),
        value_tiers=(tier_row(POOLED, 0.5),),
        stability={
            "pairs": 10,
            "triples": 1_200,
            "change_rate": 0.2,
            "reversal_rate": 0.05,
            "hindsight_change_rate": 0.3,
            "hindsight_reversal_rate": None,
        },
        slices=slices,
        history={
            "score_on_past_spend": 0.9,
            "forecast_on_past_spend": 0.93,
            "realised_on_past_spend": 0.5,
            "beyond_past_spend": None,
            "limit": 0.1,
            "undervalued": [
                {"by": "tenure", "part": "under_90_days", "n": 30, "bias_beside_all": -0.21}
            ],
            "passed": False,
        },
        indicators=(
            indicator("ltv", 0.12, proposed_weight=0.4),
            indicator("net_amount_365d", 0.05, proposed_weight=0.6),
            indicator("max_overdue_days", None),
        ),
        weights={
            "n": 1_000,
            "horizon_days": 90,
            "dimensions": [
                {"dimension": "value", "expert": 0.4, "data": 0.55, "low": 0.5, "high": 0.6},
                {"dimension": "risk", "expert": 0.15, "data": None, "low": None, "high": None},
            ],
            "expert_spearman": 0.8,
            "data_spearman": 0.82,
        },
    )


def test_both_definitions_of_the_right_tier_are_told(report: BacktestReport) -> None:
    header, hindsight, value = quality.definition_table(report, words("en"))
    assert header[1:4] == ["n", "agree", "within one tier"]
    assert hindsight[0].startswith("hindsight")
    assert hindsight[2:] == ["87.5%", "99.0%", "12.5%", "0.0%", "62.5%", "88.5%"]
    assert value[0].startswith("realised net value alone")
    assert value[2] == "50.0%"
    old = replace(report, value_tiers=())
    assert len(quality.definition_table(old, words("zh"))) == 2


def test_steadiness_is_told_where_it_was_measured(report: BacktestReport) -> None:
    (told,) = quality.steadiness(report, words("en"))
    assert "5.0% of 1,200 customers" in told
    assert "in hindsight –" in told
    assert quality.steadiness(replace(report, stability={}), words("en")) == []


def test_parts_have_the_figures_of_the_main_horizon(report: BacktestReport) -> None:
    _, tenure, industry = quality.slice_table(report, words("en"))
    assert tenure == [
        "known under 90 days",
        "31",
        "0.7",
        "+2.0%",
        "12,346",
        "-20.0% (-30.0% to -10.0%)",
        "60.0%",
        "50.0%",
    ]
    assert industry == ["chemicals", "4", "–", "–", "–", "–", "100.0%", "75.0%"]
    assert quality.slice_table(report, words("zh"))[1][5] == "-20.0% (-30.0%至-10.0%)"
    assert quality.bias_points(report, words("zh")) == [("合作不满90天", -0.2, -0.3, -0.1)]


def test_who_is_undervalued_is_named(report: BacktestReport) -> None:
    leaning, named = quality.slice_sentences(report, words("en"))
    assert "0.9 of the score" in leaning
    assert "correlate by –" in leaning
    assert "known under 90 days (-21.0%)" in named
    nobody = replace(report, history={**report.history, "undervalued": []})
    assert quality.slice_sentences(nobody, words("en"))[1].startswith("No part")
    assert quality.slice_sentences(replace(report, history={}), words("en")) == []


def test_an_unknown_industry_is_called_so(report: BacktestReport) -> None:
    assert quality.part_name("industry", "unknown", words("en")) == "industry unknown"
    assert quality.part_name("tenure", "unknown", words("en")) == "unknown"
    assert quality.part_name("industry", "other", words("zh")) == "其他行业"


def test_indicators_over_the_limit_are_marked_with_a_proposal(
    report: BacktestReport, scheme: Scheme
) -> None:
    header, first, second = quality.indicator_table(report, scheme, words("en"), "en")
    assert header[-1] == "weight → proposed"
    assert first[:3] == ["Expected net value *", "Value", "400"]
    assert first[-3:] == ["12.0% (11.0% to 13.0%)", "25.0%", "0.50 → 0.40"]
    assert second[0] == "Net spend, last 365 days"
    rule, over, unknown = quality.indicator_sentences(report, words("en"))
    assert "Beyond 10%" in rule
    assert over.startswith("1 of 2 indicators")
    assert "lack their table: 1." in unknown
    calm = replace(report, indicators=report.indicators[1:2])
    assert quality.indicator_sentences(calm, words("en"))[1:] == [
        "None of the 1 indicators misjudges more than 10% of the customers."
    ]
    nobody = replace(report, indicators=report.indicators[2:])
    assert quality.indicator_sentences(nobody, words("en")) == []
    assert quality.indicator_table(nobody, scheme, words("en"), "en") == []
    assert quality.indicator_name("of_a_later_release", words("en"), "en") == "of_a_later_release"


def test_weights_from_data_stand_beside_those_of_the_scheme(
    report: BacktestReport, scheme: Scheme
) -> None:
    _, value, risk = quality.weight_table(report, scheme, words("en"), "en")
    assert value == ["Value", "0.40", "0.55 (0.50 to 0.60)"]
    assert risk == ["Risk", "0.15", "–"]
    (told,) = quality.weight_sentences(report, words("en"))
    assert "n = 1,000" in told
    assert quality.weight_sentences(replace(report, weights={}), words("en")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_chapters_are_told_in_both_languages(
    report: BacktestReport, scheme: Scheme, language: Language
) -> None:
    text = words(language)
    chapters = quality.chapters(report, scheme, text, language)
    assert [title for title, *_ in chapters] == ["parts", "indicators", "weights"]
    for _, sentences, table, _ in chapters:
        assert "{" not in "".join(sentences)
        assert {len(row) for row in table} == {len(table[0])}
    old = replace(report, slices=(), indicators=(), weights={})
    assert quality.chapters(old, scheme, text, language) == []
    no_ltv = replace(report, slices=report.slices[-1:])
    assert quality.chapters(no_ltv, scheme, text, language)[0][3] == ()


def test_the_forest_draws_every_line_with_its_interval(report: BacktestReport) -> None:
    wrong = quality.misjudged_points(report, words("en"), "en")
    assert wrong[0] == ("Expected net value", 0.12, pytest.approx(0.11), 0.13, 0.25)
    figure = panels.forest(
        [row[:4] for row in wrong],
        title="t",
        x="x",
        marks=(0.1,),
        beside=("ours", "chance", [row[4] for row in wrong]),
    )
    names = [trace.name for trace in figure.data if trace.name]
    assert names == ["chance", "ours"]
    assert list(figure.data[-1].x) == [0.12, 0.05]
    assert list(figure.data[-1].y) == [1.0, 0.0], "the first stands on top"
    assert [list(trace.x) for trace in figure.data[1:3]] == [
        [pytest.approx(0.11), 0.13],
        [0.04, pytest.approx(0.06)],
    ]
    drawn = to_svg(figure)
    assert "Expected net value" in drawn
    alone = panels.forest([("part", 0.1, 0.0, 0.2)], title="t", x="x", marks=())
    assert to_svg(alone).count("<path") > 1
