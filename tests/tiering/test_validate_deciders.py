"""The rules of rules, matrices, scales, stages and segments: one test each, paths exact."""

from __future__ import annotations

from typing import Any

import pytest

from tiering.errors import SchemeError
from tiering.policy import Scheme
from tiering.scheme import load_scheme, parse_scheme
from tiering.validate import validate


def changed(scheme: Scheme, **changes: Any) -> list[tuple[str, str]]:
    document = scheme.model_dump(mode="json") | changes
    return [(f.path, f.message) for f in validate(Scheme.model_validate(document))]


def edited(name: str, *replacements: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the faults of a shipped scheme after replacing text in it."""
    source = load_scheme(name).remembered
    assert source is not None
    for before, after in replacements:
        assert before in source, before
        source = source.replace(before, after)
    with pytest.raises(SchemeError) as caught:
        parse_scheme(source)
    return [(f.path, f.message) for f in caught.value.faults]


def test_confidence_is_a_share(small: Scheme) -> None:
    assert changed(small, confidence=0.4) == []
    for wrong in (0, 1.5):
        ((path, message),) = changed(small, confidence=wrong)
        assert (path, message) == (
            "confidence", f"{wrong:g} must be a share above 0, at most 1.",
        )  # fmt: skip


def test_dimension_ids_are_words(small: Scheme) -> None:
    listed = small.model_dump(mode="json")["dimensions"]
    listed[0]["id"] = "Value!"
    found = changed(small, dimensions=listed)
    assert found == [("dimensions.Value!", "must be named by lower-case words joined by '_'.")]


def test_points_come_from_one_scale_that_is_sound() -> None:
    found = edited(
        "weighted-50-30-20",
        ("range = [0, 1000000] }", 'range = [5, 1], scale = "value_share" }'),
        ("range = [0, 1825] }", 'scale = "value_share" }'),
        ("range = [0, 0.4] }", "steps = [[0, 10]] }"),
        ("range = [0, 12] }", "steps = [[0, 0], [5, 120], [5, 50], [6, 60]] }"),
        ("range = [0, 5] }", "steps = [[0, 0], [5, 100]] }"),
    )
    value, behaviour = "dimensions.value.indicators", "dimensions.behaviour.indicators"
    assert found == [
        (f"{value}.net_amount_180d", "has range and scale; points come from one of them."),
        (f"{value}.net_amount_180d.range", "5 to 1 is empty; write the lower end first."),
        (f"{value}.tenure_days.scale", "a share of the total needs money, this is days."),
        (
            f"{value}.gross_margin_rate_365d.steps",
            "needs at least two pairs of value and points.",
        ),
        (f"{behaviour}.interaction_count_90d.steps", "points must lie between 0 and 100."),
        (
            f"{behaviour}.interaction_count_90d.steps",
            "values must increase from pair to pair.",
        ),
        (
            f"{behaviour}.interaction_count_90d.steps",
            "a better value must not earn fewer points; here they must rise (X8).",
        ),
        (
            f"{behaviour}.complaint_count_180d.steps",
            "a better value must not earn fewer points; here they must fall (X8).",
        ),
    ]


def test_an_unknown_indicator_with_a_scale_is_told_once() -> None:
    assert edited("team-split", ("net_amount_365d = {", "net_amount_36d = {"))[0] == (
        "dimensions.purchase.indicators.net_amount_36d",
        "is not in the catalogue. Did you mean 'net_amount_365d'?",
    )


def test_stages_of_an_unknown_lifecycle() -> None:
    assert edited("rfm-scenario", ('lifecycle = "six"', 'lifecycle = "seven"')) == [
        ("stages.lifecycle", "'seven' is none of six, four, aarrr.")
    ]


def test_stages_all_faults_at_once() -> None:
    found = edited(
        "five-dimension-lifecycle",
        ("[stages.new]", "[stages.newborn]"),
        ("[stages.new.indicators.dynamic]", "[stages.newborn.indicators.dynamic]"),
        ("strategic = 0.05, dynamic = 0.25 }", "strategic = 0.05 }"),
        ("repeat_count = 0.45 ", "repeat_count = 0.55 "),
        ("value = 0.40, potential = 0.15, risk = 0.15,", "value = 0.50, potential = 0.15, risk = 0.15,"),  # noqa: E501
        ("[stages.mature.indicators.strategic]", "[stages.mature.indicators.tactics]"),
    )  # fmt: skip
    assert found == [
        (
            "dimensions.strategic.indicators.contract_renewal_rate_730d",
            "0 must be above 0; leave out what weighs nothing.",
        ),
        (
            "dimensions.strategic.indicators.referral_count_730d",
            "0 must be above 0; leave out what weighs nothing.",
        ),
        ("stages.newborn", "is no stage of 'six': prospect, new, growing, mature, dormant, lost."),
        (
            "stages.newborn.dimensions",
            "must name every dimension and nothing else: value, potential, risk, strategic, "
            "dynamic.",
        ),
        (
            "stages.newborn.indicators.dynamic",
            "the indicator weights sum to 1.1, not 1 (X1). In the same proportions: "
            "repeat_count = 0.5, login_week_share_12w = 0.227272727273, "
            "order_days_30d = 0.272727272727.",
        ),
        (
            "stages.mature.dimensions",
            "the dimension weights sum to 1.1, not 1 (X1). In the same proportions: "
            "value = 0.454545454545, potential = 0.136363636364, risk = 0.136363636364, "
            "strategic = 0.227272727273, dynamic = 0.0454545454545.",
        ),
        (
            "stages.mature.indicators.tactics",
            "is no dimension of this scheme: value, potential, risk, strategic, dynamic.",
        ),
    ]


def test_a_stage_gives_weights_to_every_indicator_of_the_dimension() -> None:
    ((path, message),) = edited("five-dimension-lifecycle", ("declining_months = 0\n", ""))
    assert path == "stages.new.indicators.dynamic"
    assert message.startswith("must name every indicator and nothing else: net_amount_momentum")


def test_stages_are_tables() -> None:
    source = load_scheme("rfm-scenario").remembered
    assert source is not None
    cut = source.index("[stages]")
    for text in ("stages = 5\n" + source[:cut], source[:cut] + "[stages]\nnew = 5\n"):
        with pytest.raises(SchemeError) as caught:
            parse_scheme(text + source[source.index("[[tiers]]") :])
        places = {f.path: f.message for f in caught.value.faults}
        assert "must be a table, is int." in places.values()
        assert places["stages.lifecycle"] == "field required."


def test_wrong_types_in_stages_are_told_by_their_place() -> None:
    ((path, _),) = edited("rfm-scenario", ("recency = 0.60", 'recency = "much"'))
    assert path == "stages.dormant.dimensions.recency"


def test_a_stage_may_leave_dimensions_or_indicators_alone() -> None:
    source = load_scheme("five-dimension-lifecycle").remembered
    assert source is not None
    lines = [line for line in source.splitlines() if not line.startswith("dimensions = { value")]
    assert len(lines) == len(source.splitlines()) - 2
    stages = parse_scheme("\n".join(lines)).stages
    assert stages is not None
    assert [entry.dimensions for entry in stages.weights] == [None, None]


def cut(index: int, value: float | None) -> dict[str, Any]:
    tier = {"id": f"t{index}", "label_en": f"T{index}", "label_zh": f"层{index}"}
    return tier if value is None else {**tier, "cut": value}


def test_tiers_decide_in_one_way(small: Scheme) -> None:
    cuts = [cut(0, 60), cut(1, None), cut(2, 0)]
    assert changed(small, tiers=cuts) == [("tiers[1].cut", "is missing; others have a cut.")]
    none = [cut(0, None), cut(1, None)]
    assert changed(small, tiers=none) == [
        ("tiers", "need a cut (score), a when (rule) or cells (matrix) each.")
    ]
    rules = [
        {**cut(0, None), "when": [["ltv >= 5"]]}, cut(1, None),
        {**cut(2, None), "to": 4.0},
    ]  # fmt: skip
    assert changed(small, tiers=rules) == [
        ("tiers[1].when", "is missing; others have a when."),
        ("tiers[2].to", "is the upper end of a cut, and there is none."),
    ]


def test_x10_cuts_and_rules_say_how_they_combine(small: Scheme) -> None:
    both = [{**cut(0, 60), "when": [["ltv >= 5"]]}, cut(1, 0)]
    ((path, message),) = changed(small, tiers=both)
    assert path == "combine"
    assert 'write "lower" or "higher" (X10)' in message
    assert changed(small, tiers=both, combine="lower") == []
    assert changed(small, combine="lower") == [
        ("combine", "needs both cuts and rules in the tiers; leave it out.")
    ]


def test_to_is_the_cut_above(small: Scheme) -> None:
    listed = [{**cut(0, 60), "to": 100.0}, {**cut(1, 0), "to": 62.0}]
    assert changed(small, tiers=listed) == [
        (
            "tiers[1].to",
            "62 gives a score of 61 two (X8). Tiers are half-open; write 60 or leave it out.",
        )
    ]


def test_rules_all_faults_at_once(small: Scheme) -> None:
    listed = [
        {**cut(0, None), "when": []},
        {**cut(1, None), "when": [["ltv >= 5"], []]},
        {
            **cut(2, None),
            "when": [
                ["ltv", "ltx >= 1", "declining_months < 3", "tenure_days unknown"],
                ["ltv < 5", "churn_probability >= 0.5", "ltv <= 5"],
            ],
        },
        {**cut(3, None), "when": [["ltv >= 1"]]},
    ]
    assert changed(small, tiers=listed) == [
        ("tiers[0].when", "is empty; only the last tier needs no rule."),
        ("tiers[1].when", "has an alternative without any condition."),
        (
            "tiers[2].when",
            "'ltv' is no condition. Write 'indicator >= 3', 'indicator < 3' or "
            "'indicator unknown'.",
        ),
        ("tiers[2].when", "'ltx' is not in the catalogue."),
        (
            "tiers[2].when",
            "'declining_months < 3' asks for what no dimension weighs; give 'declining_months' a "
            "share, so that the score and its explanation know it too.",
        ),
        ("tiers[2].when", "'tenure_days unknown': a tier must not rest on data being missing."),
        (
            "tiers[2].when",
            "'ltv < 5' would cost a customer the tier for a better value (X8). Leave the bound "
            "out: tiers are tried from best to worst, so whoever fits a better one is gone.",
        ),
        (
            "tiers[2].when",
            "'churn_probability >= 0.5' would cost a customer the tier for a better value (X8). "
            "Leave the bound out: tiers are tried from best to worst, so whoever fits a better "
            "one is gone.",
        ),
        (
            "tiers[2].when",
            "'ltv <= 5' is no condition. Write 'indicator >= 3', 'indicator < 3' or 'indicator "
            "unknown'. Limits are half-open (X8): write 'ltv < 5'.",
        ),
        (
            "tiers[3].when",
            "must be left out: the last tier takes everybody whom no rule above takes, or some "
            "customers would have no tier (X8).",
        ),
    ]


def test_axes_and_cells_belong_together(small: Scheme) -> None:
    matrix = load_scheme("rfm-strategic")
    assert changed(matrix, axes=None)[0] == ("axes", "are missing; the tiers have cells.")
    assert changed(matrix, axes=[])[:1] == [
        ("axes", "is empty; a matrix has at least one, else leave it out.")
    ]
    axes = matrix.model_dump(mode="json")["axes"]
    axes[0]["dimension"] = "value"
    axes[1]["dimension"] = "risk"
    assert ("tiers", "have no cells, but there are axes.") in changed(small, axes=axes)
    tiers = matrix.model_dump(mode="json")["tiers"]
    for tier, bound in zip(tiers, (80, 60, 40, 0), strict=True):
        tier["cut"] = bound
    assert changed(matrix, tiers=tiers) == [
        ("tiers", "have cells beside cuts or rules; one way decides.")
    ]


def test_axes_all_faults_at_once() -> None:
    axes = load_scheme("rfm-strategic").model_dump(mode="json")["axes"]
    high, low = axes[0]["levels"]
    axes[0]["levels"] = [{**high, "cut": 120.0, "cut_by_tier": {"key": 5.0}}, {**low, "cut": 3.0}]
    axes[1] = {"dimension": "rfm", "levels": [{**high, "id": "High", "label_zh": ""}]}
    axes.append({"dimension": "taste", "levels": [low, {**low, "cut": 10.0}]})
    found = changed(load_scheme("rfm-strategic"), axes=axes)
    assert [path for path, _ in found if path.startswith("axes")] == [
        "axes",  # rfm twice
        "axes[0].levels[0].cut",  # 120
        "axes[0].levels[1].cut",  # 3 is not 0
        "axes[0].levels[0].cut_by_tier",  # of segments only
        "axes[1].levels",  # one entry
        "axes[2].dimension",  # taste
        "axes[2].levels",  # id twice
        "axes[2].levels",  # label_en twice
        "axes[2].levels",  # label_zh twice
        "axes[2].levels[1].cut",  # the last is not 0
        "axes[2].levels[1].cut",  # 10 is not below 0
    ]
    told = dict(found)
    assert told["axes"] == "dimension 'rfm' stands twice."
    assert told["axes[1].levels"] == "has 1 entries; an axis needs 2."
    assert told["axes[2].dimension"] == "'taste' is no dimension of this scheme: rfm, strategic."


def with_cells(*cells: list[str]) -> list[tuple[str, str]]:
    matrix = load_scheme("rfm-strategic")
    tiers = matrix.model_dump(mode="json")["tiers"]
    for tier, own in zip(tiers, cells, strict=True):
        tier["cells"] = own
    return changed(matrix, tiers=tiers)


def test_cells_are_a_partition() -> None:
    assert with_cells(["high high"], ["high low"], ["* low"], ["low low"]) == [
        ("tiers[2].cells", "'high low' already is 'key'."),
        ("tiers[3].cells", "'low low' already is 'potential'."),
        ("tiers", "no cell takes 'low high' (X8)."),
    ]


def test_cells_that_cannot_be_read_are_all_told() -> None:
    assert with_cells(["high"], ["high low"], ["low middle"], ["low low"]) == [
        ("tiers[0].cells", "'high' names 1 levels, there are 2 axes."),
        ("tiers[2].cells", "'low middle': strategic has no level 'middle', but high, low."),
    ]


def test_x8_a_better_level_never_costs_a_tier() -> None:
    found = with_cells(["high low"], ["high high"], ["low high"], ["low low"])
    assert found == [
        (
            "tiers[1].cells",
            "'high high' is 'key', worse than 'strategic' of 'high low': a better level must not "
            "cost a tier (X8).",
        )
    ]


def test_segments_all_faults_at_once() -> None:
    scheme = load_scheme("pyramid-rfm")
    segments = scheme.model_dump(mode="json")["segments"]
    assert changed(scheme, segments=segments | {"axes": []}) == [
        ("segments.axes", "is empty; segments are told apart by at least one axis.")
    ]
    segments["axes"][0]["levels"][0]["cut_by_tier"] |= {"giant": 4.0, "top": 101.0}
    segments["axes"][1]["levels"][1]["cut_by_tier"] = {"small": 45.0}
    segments["classes"][1]["label_zh"] = segments["classes"][0]["label_zh"]
    segments["classes"][7]["cells"] = ["high high high"]
    assert changed(scheme, segments=segments) == [
        (
            "segments.axes[0].levels[0].cut_by_tier.giant",
            "is no tier here: top, large, middle, small.",
        ),
        (
            "segments.axes[0].levels[0].cut",
            "inside 'top': 101 must lie between 0 and 100 points.",
        ),
        (
            "segments.axes[1].levels[1].cut",
            "inside 'small': 45 leaves scores below it without a tier (X8); the last cut must "
            "be 0.",
        ),
        (
            "segments.axes[1].levels[1].cut",
            "inside 'small': 45 is not below the 40 above it; levels run from best to worst (X8).",
        ),
        ("segments.classes", "label_zh '重要价值客户' stands twice."),
        ("segments.classes[7].cells", "'high high high' already is 'champion'."),
        ("segments.classes", "no cell takes 'low low low' (X8)."),
    ]
