"""Figures hold the very numbers they are drawn from."""

from __future__ import annotations

import json
import math

import pytest

from serving.domain.grade import TierSummary
from serving.domain.labels import DimensionLabel, TierLabel
from serving.web.chart_style import embedded, plain_text, tier_colour
from serving.web.customer_charts import Step, radar, waterfall
from serving.web.formats import Writer
from serving.web.i18n import Language
from serving.web.portfolio_charts import score_histogram, share, tier_shares, value_at_risk
from serving.web.summary import Sampled, ScoreBand

EN, ZH = Writer(Language.EN, "EUR"), Writer(Language.ZH, "EUR")
GOLD = TierLabel(0, "gold", "Gold", "金牌", 60.0)
IRON = TierLabel(1, "iron", "Iron <b>", "铁牌", 0.0)
TIERS = (GOLD, IRON)
DIMENSIONS = (
    DimensionLabel("value", 0.6, "Value", "价值"),
    DimensionLabel("risk", 0.4, "Risk", "风险"),
    DimensionLabel("strategic", 0.0, "Strategy", "战略"),
)


def summary(tier: TierLabel, customers: int, ltv: float, net: float) -> TierSummary:
    return TierSummary(tier, customers, 1, ltv, net, 50.0, 0.5)


def test_tier_shares_add_up_to_the_whole() -> None:
    figure = tier_shares(EN, [summary(GOLD, 1, 900.0, 60.0), summary(IRON, 3, 100.0, 40.0)])
    by_name = {trace.name: list(trace.x) for trace in figure.data}
    assert by_name == {
        "Customers": [0.25, 0.75],
        "Expected value": [0.9, 0.1],
        "Spend, last 365 days": [0.6, 0.4],
    }
    assert list(figure.data[0].y) == ["Gold", "Iron &lt;b&gt;"]
    assert list(figure.data[0].text) == ["25.0%", "75.0%"]


def test_there_is_no_share_of_nothing() -> None:
    assert share(0.0, 0.0) is None
    figure = tier_shares(EN, [summary(GOLD, 0, 0.0, 0.0), summary(IRON, 0, 0.0, 0.0)])
    assert list(figure.data[1].x) == [None, None]


def test_the_histogram_stacks_tiers_and_draws_every_cut_above_zero() -> None:
    bands = [ScoreBand(57.5, 60.0, (0, 4)), ScoreBand(60.0, 62.5, (7, 0))]
    figure = score_histogram(ZH, bands, TIERS)
    assert {trace.name: list(trace.y) for trace in figure.data} == {"金牌": [0, 7], "铁牌": [4, 0]}
    assert list(figure.data[0].x) == [58.75, 61.25]
    assert [shape.x0 for shape in figure.layout.shapes] == [60.0]
    assert figure.layout.barmode == "stack"


def test_the_scatter_puts_each_customer_under_their_tier() -> None:
    sample = [Sampled("<i>1", 0, 0.1, 900.0), Sampled("2", 1, 0.8, 5.0)]
    figure = value_at_risk(EN, sample, TIERS)
    assert [list(trace.x) for trace in figure.data] == [[0.1], [0.8]]
    assert [list(trace.y) for trace in figure.data] == [[900.0], [5.0]]
    assert figure.data[0].text[0] == "&lt;i&gt;1: churn risk 10.0%, expected value EUR 900.00"
    assert figure.layout.yaxis.type == "log"


def test_the_waterfall_runs_from_the_base_to_the_score() -> None:
    steps = [Step("Net spend, last 365 days, a long name for a bar", 14.5), Step("Rest", -2.25)]
    figure = waterfall(EN, 50.0, steps, 62.25, TIERS)
    bars = figure.data[0]
    assert bars.base == 50.0
    assert list(bars.measure) == ["absolute", "relative", "relative", "total"]
    assert math.fsum(bars.x[1:3]) == bars.x[3] == 12.25
    assert list(bars.text) == ["", "+14.50", "−2.25", "62.2"]
    assert [shape.x0 for shape in figure.layout.shapes] == [60.0]
    labels = figure.layout.yaxis.ticktext
    assert labels[0] == "Typical customer 50.0"
    assert "<br>" in labels[1]
    assert len(figure.layout.meta["narrow_ticktext"]) == len(labels)
    low, high = figure.layout.xaxis.range
    assert low < 50.0 < 64.5 < high


def test_a_cut_outside_the_drawn_range_is_not_drawn() -> None:
    assert not waterfall(EN, 20.0, [Step("x", 1.0)], 21.0, TIERS).layout.shapes


def test_a_score_of_the_base_alone_can_be_drawn() -> None:
    figure = waterfall(ZH, 20.0, [], 20.0, TIERS)
    low, high = figure.layout.xaxis.range
    assert low < 20.0 < high
    assert list(figure.data[0].x) == [0.0, 0.0]


def test_the_radar_leaves_a_missing_dimension_open_and_says_so() -> None:
    scores = {"value": 80.0, "risk": None, "strategic": 10.0}
    medians = {"value": 50.0, "risk": 40.0, "strategic": 30.0}
    median, customer = radar(EN, DIMENSIONS, scores, medians).data
    assert list(customer.r) == [80.0, None, 10.0, 80.0]
    assert list(median.r) == [50.0, 40.0, 30.0, 50.0]
    assert list(customer.theta) == ["Value", "Risk (no data)", "Strategy", "Value"]
    assert customer.fill == "none"
    whole = radar(ZH, DIMENSIONS, medians, medians).data[1]
    assert whole.fill == "toself"
    assert list(whole.theta)[:3] == ["价值", "风险", "战略"]


def test_an_embedded_figure_cannot_end_its_script_block() -> None:
    sample = [Sampled("</script><script>alert(1)</script>&\u2028", 0, 0.1, 900.0)]
    figure = value_at_risk(EN, sample, TIERS)
    text = embedded(figure)
    assert "<" not in text
    assert "&" not in text
    assert "\u2028" not in text
    assert json.loads(text)["data"][0]["x"] == [0.1]


@pytest.mark.parametrize(("index", "colour"), [(0, "--tier-1"), (5, "--tier-6"), (9, "--tier-6")])
def test_tiers_beyond_the_palette_share_its_last_colour(index: int, colour: str) -> None:
    assert tier_colour(index) == f"var({colour})"


def test_plotly_shows_signs_as_they_are() -> None:
    assert plain_text("a<b>&c") == "a&lt;b&gt;&amp;c"
