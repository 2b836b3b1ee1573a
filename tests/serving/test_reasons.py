"""Sentences about grades, in both languages."""

from __future__ import annotations

import re
import string
import tomllib
from dataclasses import replace
from datetime import date
from importlib.resources import files

import pytest

from features.schema import CATALOGUE, IndicatorFrame
from serving.domain.grade import LANGS, Basis, Contribution, Explanation, Grade, Lang
from serving.domain.labels import TierLabel
from serving.reasons import tell
from serving.scoring import aligned, basis_of, grade
from serving.wording import amount_of, channel_of, label_of, standing_of
from training.bundle import Bundle

TIERS = (
    TierLabel(0, "core", "Core customer", "核心客户", 60.0),
    TierLabel(1, "basic", "Basic customer", "基础客户", 0.0),
)


def a_grade(**change: object) -> Grade:
    basis = Basis(
        run_id="r",
        as_of=date(2024, 7, 1),
        world="small",
        currency="EUR",
        simulated=True,
        model_version=None,
        bundle_digest="d",
        trained_as_of=None,
        churn_horizon_days=60,
        ltv_horizon_days=90,
        scheme_id="s",
        scheme_version="1",
        scheme_sha256="x",
        tiers=TIERS,
        dimensions=(),
    )
    fields: dict[str, object] = {
        "grade_id": "g",
        "customer_id": "c",
        "basis": basis,
        "score": 55.26,
        "tier": TIERS[1],
        "margin_up": 4.75,
        "margin_down": None,
        "churn_probability": 0.125,
        "ltv": 1234.5,
        "ltv_lower": 200.0,
        "ltv_upper": 3000.0,
        "dimension_scores": {},
        "referred": False,
        "reasons": (),
        "indicators": {"net_amount_365d": 1500.0, "days_since_last_order": 1.0},
    }
    return Grade(**{**fields, **change})  # type: ignore[arg-type]


def entry(
    indicator: str, contribution: float, channel: str = "direct", percentile: float | None = None
) -> Contribution:
    return Contribution(indicator, channel, "value", None, 50.0, 0.1, contribution, percentile)


def account(*entries: Contribution) -> Explanation:
    return Explanation(base=50.0, score=55.25, entries=entries)


def test_both_languages_have_the_same_sentences() -> None:
    words = tomllib.loads((files("serving") / "reasons.toml").read_text("utf-8"))

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert words.keys() == set(LANGS)
    assert words["en"].keys() == words["zh-CN"].keys()
    for key, text in words["en"].items():
        assert fields(text) == fields(words["zh-CN"][key]), key


def test_a_story_in_english() -> None:
    story = tell(
        a_grade(),
        account(
            entry("net_amount_365d", 6.04, percentile=93.4),
            entry("net_amount_365d", 2.0, "ltv", 93.4),
            entry("days_since_last_order", -3.0, "churn_probability", 4.0),
            entry("days_since_last_order", -0.1, "ltv", 4.0),
            entry("csat_mean_365d", 0.3, "churn_probability"),
            entry("baseline", -0.2, "ltv"),
            entry("tenure_days", 0.01),
        ),
        "en",
    )
    assert story.headline == (
        "55.3 points, Basic customer: lifted most by net spend, last 365 days, "
        "held back most by days since the last order."
    )
    assert story.base == "A typical customer with the same data scores 50.0."
    assert [d.text for d in story.positive] == [
        "Net spend, last 365 days: EUR 1,500, higher than 93% of customers; "
        "this adds 8.0 points, also through expected value.",
        "Mean customer satisfaction of tickets, last 365 days: no data; "
        "not knowing it adds 0.3 points through churn risk.",
    ]
    assert [d.text for d in story.negative] == [
        "Days since the last order: 1 day, lower than 96% of customers; "
        "this costs 3.1 points through churn risk.",
        "Overall purchase history costs 0.2 points through expected value.",
    ]
    assert story.negative[0].channels == ("churn_probability",)
    assert story.negative[0].points == pytest.approx(-3.1)
    assert story.margin == "4.8 points short of Core customer; Basic customer is the lowest tier."
    assert story.forecast == (
        "The probability of no purchase in the next 60 days is 12.5%. Net value expected in "
        "the next 90 days: EUR 1,234 (likely EUR 200.00 to EUR 3,000)."
    )


def test_a_story_in_chinese() -> None:
    story = tell(
        a_grade(reason_texts={"zh-CN": ("需复核。",)}),
        account(
            entry("net_amount_365d", 6.0, percentile=93.4),
            entry("net_amount_365d", 2.0, "ltv", 93.4),
            entry("days_since_last_order", -3.0, "churn_probability", 50.0),
        ),
        "zh-CN",
    )
    assert (
        story.headline
        == "得分55.3，基础客户：主要得益于近365天净采购额，主要受制于距上次采购天数。"
    )
    assert story.positive[0].text == (
        "近365天净采购额为EUR 1,500，高于93%的客户，加8.0分（含经由预期价值的影响）。"
    )
    assert story.negative[0].text == (
        "距上次采购天数为1天，处于全体客户的中等水平，经由流失风险减3.0分。"
    )
    assert story.margin == "距核心客户还差4.8分；基础客户为最低等级。"
    assert story.referral == ("需复核。",)


def test_a_customer_like_any_other() -> None:
    story = tell(a_grade(), account(entry("net_amount_365d", 0.3)), "en")
    assert story.headline.endswith("in nothing different from a typical customer.")
    assert story.positive[0].text.startswith("Net spend, last 365 days: EUR 1,500; this adds")


@pytest.mark.parametrize(
    ("change", "margin"),
    [
        ({"tier": TIERS[0], "margin_up": None, "margin_down": 0.004}, "0.00 points above"),
        ({"tier": TIERS[1], "margin_up": 0.25, "margin_down": None}, "0.25 points short"),
        ({"tier": TIERS[1], "margin_up": 2.0, "margin_down": 3.0}, "2.0 points short of Core"),
        ({"tier": TIERS[1], "margin_up": None, "margin_down": None}, "the only tier"),
    ],
)
def test_margins(change: dict[str, object], margin: str) -> None:
    assert margin in tell(a_grade(**change), account(), "en").margin


def test_unknown_predictions_are_not_told() -> None:
    silent = a_grade(churn_probability=None, ltv=None)
    assert tell(silent, account(), "en").forecast == ""
    bare = a_grade(churn_probability=None, ltv_lower=None, ltv_upper=None)
    assert tell(bare, account(), "en").forecast.endswith("EUR 1,234.")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("net_amount_365d", 12.5, "EUR 12.50"),
        ("net_amount_365d", -1234567.0, "EUR −1,234,567"),
        ("return_rate_365d", 0.1234, "12.3%"),
        ("net_amount_growth_90d", 0.2, "+0.20"),
        ("net_amount_growth_90d", -0.2, "−0.20"),
        ("net_amount_growth_90d", -0.001, "0.00"),
        ("days_since_last_order", 1.0, "1 day"),
        ("dso_days_365d", 45.25, "45.2 days"),
        ("complaint_count_180d", 3.0, "3"),
        ("csat_mean_365d", 82.0, "82.0"),
        ("recency_to_interval_ratio", 1.5, "1.50"),
        ("unheard_of", 1.5, "1.50"),
    ],
)
def test_values_carry_their_unit(name: str, value: float, text: str) -> None:
    assert amount_of(name, value, "EUR", "en") == text


@pytest.mark.parametrize(
    ("percentile", "text"),
    [
        (None, ""),
        (99.99, "higher than 99% of customers"),
        (55.1, "higher than 55% of customers"),
        (50.0, "about the middle of all customers"),
        (44.9, "lower than 55% of customers"),
        (0.2, "lower than 99% of customers"),
        (0.0, "lower than 99% of customers"),
        (100.0, "higher than 99% of customers"),
    ],
)
def test_standings(percentile: float | None, text: str) -> None:
    assert standing_of(percentile, "en") == text


@pytest.mark.parametrize("lang", LANGS)
def test_every_name_has_words(lang: Lang) -> None:
    for name in (*CATALOGUE, "ltv", "churn_probability", "baseline"):
        assert label_of(name, lang) != name
    assert label_of("unheard_of", lang) == "unheard_of"
    assert channel_of("direct", lang) == ""
    assert channel_of("ltv", lang) != channel_of("churn_probability", lang)


@pytest.mark.parametrize("lang", LANGS)
def test_stories_of_a_real_bundle_are_whole_sentences(
    bundle: Bundle, frame: IndicatorFrame, lang: Lang
) -> None:
    values, ids = aligned(bundle, frame)[:80], frame.customer_id[:80].tolist()
    graded = grade(bundle, values, ids, basis_of(bundle, frame.as_of, "r"))
    end = "。" if lang == "zh-CN" else "."
    for row, one in enumerate(graded.grades):
        story = tell(one, graded.explanations.of(row, one), lang)
        drivers = story.positive + story.negative
        texts = [story.headline, story.base, story.margin, story.forecast, *story.referral]
        texts += [driver.text for driver in drivers]
        for text in texts:
            assert text.endswith(end), text
            assert not re.search(r"[{}]|  | ,|nan|None|，，|。。", text), text
        assert [d.points for d in story.positive] == sorted(
            (d.points for d in story.positive), reverse=True
        )
        assert all(d.points > 0 for d in story.positive)
        assert all(d.points < 0 for d in story.negative)
        assert len(story.referral) == len(one.reasons)
        if lang == "zh-CN":
            assert not any(re.search(r"[a-z]{3}", text) for text in texts)


def test_fewer_drivers_can_be_asked_for() -> None:
    told = account(entry("net_amount_365d", 3.0), entry("tenure_days", 2.0))
    story = tell(replace(a_grade()), told, "en", top=1)
    assert [d.indicator for d in story.positive] == ["net_amount_365d"]
