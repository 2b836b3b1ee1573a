from __future__ import annotations

import pytest

from tiering.scheme import Scheme, load_scheme, parse_scheme
from tiering.validate import Fault, validate


def changed(scheme: Scheme, **updates: object) -> list[Fault]:
    """Faults of a scheme with sections replaced, given as plain values."""
    return validate(Scheme.model_validate({**scheme.model_dump(mode="json"), **updates}))


def dimension(scheme: Scheme, name: str, **updates: object) -> list[dict[str, object]]:
    return [
        {**d, **(updates if d["id"] == name else {})}
        for d in scheme.model_dump(mode="json")["dimensions"]
    ]


def weights(**shares: float) -> list[dict[str, object]]:
    return [{"name": name, "weight": weight} for name, weight in shares.items()]


def tiers(*cuts: float) -> list[dict[str, object]]:
    return [
        {"id": f"t{i}", "label_en": f"T{i}", "label_zh": f"层{i}", "cut": cut}
        for i, cut in enumerate(cuts)
    ]


def test_sound_schemes_have_no_fault(small: Scheme) -> None:
    assert validate(small) == []
    assert validate(load_scheme()) == []


def test_the_documents_dimension_weights_in_percent_are_refused_with_the_repair(
    small: Scheme,
) -> None:
    percents = dict(zip(("value", "potential", "risk", "strategic", "dynamic"),
                        (40, 25, 15, 15, 5), strict=True))  # fmt: skip
    listed = [
        {**d, "weight": percents[d["id"]]} for d in small.model_dump(mode="json")["dimensions"]
    ]
    (fault,) = changed(small, dimensions=listed)
    assert fault.path == "dimensions"
    assert "sum to 100, not 1" in fault.message
    assert "written in percent" in fault.message
    assert "value.weight = 0.4, potential.weight = 0.25, risk.weight = 0.15" in fault.message


def test_x1_indicator_weights_below_one_are_refused_with_the_repair(small: Scheme) -> None:
    # Document 004, second dimension: 15 + 10 + 10 = 35, against a dimension weight of 30.
    listed = dimension(small, "potential", indicators=weights(
        net_amount_growth_90d=0.15, order_days_growth_90d=0.10, category_count_180d=0.10,
    ))  # fmt: skip
    (fault,) = changed(small, dimensions=listed)
    assert fault.path == "dimensions.potential.indicators"
    assert "sum to 0.35, not 1 (X1)" in fault.message
    assert "percent" not in fault.message
    repair = fault.message.split("proportions: ")[1].rstrip(".")
    repaired = {k: float(v) for k, v in (pair.split(" = ") for pair in repair.split(", "))}
    assert (
        changed(small, dimensions=dimension(small, "potential", indicators=weights(**repaired)))
        == []
    )


def test_x2_weights_already_multiplied_by_the_dimension_are_recognised(small: Scheme) -> None:
    # Document 004, first dimension: .25 + .15 + .10 = .50, its own weight: counted twice the
    # greatest possible score would be 38.5.
    listed = dimension(small, "value", indicators=weights(ltv=0.25, net_amount_365d=0.15))
    (fault,) = changed(small, dimensions=listed)
    assert fault.path == "dimensions.value.indicators"
    assert "(X2)" in fault.message
    assert "ltv = 0.625, net_amount_365d = 0.375" in fault.message


def test_a_dimension_that_is_the_whole_score_is_not_mistaken_for_x2(small: Scheme) -> None:
    listed = dimension(small, "value", weight=1.0)
    assert not any("(X2)" in fault.message for fault in changed(small, dimensions=listed))


def test_x6_an_indicator_counts_once(small: Scheme) -> None:
    listed = dimension(small, "dynamic", indicators=weights(order_days_30d=0.5, tenure_days=0.5))
    found = {f.message for f in changed(small, dimensions=listed)}
    assert found == {
        "counts twice; it already stands in dimensions.strategic.indicators (X6). "
        "Leave it out here.",
        "belongs to the dimension 'strategic'; move it there.",
    }


def test_unknown_indicators_get_a_suggestion(small: Scheme) -> None:
    listed = dimension(small, "dynamic", indicators=weights(order_day_30d=0.5, xyzzy=0.5))
    near, far = changed(small, dimensions=listed)
    assert near.path == "dimensions.dynamic.indicators.order_day_30d"
    assert near.message == "is not in the catalogue. Did you mean 'order_days_30d'?"
    assert far.message == "is not in the catalogue."


def test_a_prediction_has_its_dimension_too(small: Scheme) -> None:
    listed = dimension(small, "dynamic", indicators=weights(churn_probability=1))
    messages = [f.message for f in changed(small, dimensions=listed)]
    assert "belongs to the dimension 'risk'; move it there." in messages


@pytest.mark.parametrize("weight", [0.0, -0.5])
def test_weights_are_above_zero(small: Scheme, weight: float) -> None:
    listed = dimension(small, "value", indicators=weights(ltv=1, net_amount_365d=weight))
    (fault,) = changed(small, dimensions=listed)
    assert fault.path == "dimensions.value.indicators.net_amount_365d"
    assert "must be above 0" in fault.message
    found = changed(small, dimensions=dimension(small, "value", weight=weight))
    assert [f.path for f in found] == ["dimensions.value.weight"]


def test_one_weight_in_percent_is_pointed_at(small: Scheme) -> None:
    (fault,) = changed(small, dimensions=dimension(small, "value", weight=40))
    assert fault.path == "dimensions.value.weight"
    assert fault.message == "40 is more than the whole; 40 percent is 0.4."


def test_at_least_one_dimension(small: Scheme) -> None:
    (fault,) = changed(small, dimensions=[])
    assert (fault.path, fault.message[:10]) == ("dimensions", "is missing")


def test_a_dimension_without_indicators(small: Scheme) -> None:
    (fault,) = changed(small, dimensions=dimension(small, "risk", indicators=[]))
    assert (fault.path, fault.message[:8]) == ("dimensions.risk.indicators", "is empty")


def test_both_languages_everywhere(small: Scheme) -> None:
    listed = dimension(small, "risk", label_zh=" ")
    cuts = tiers(75, 60, 0)
    cuts[1]["label_en"] = ""
    cuts[2]["label_en"] = ""
    found = changed(small, title_zh="", version=" ", dimensions=listed, tiers=cuts)
    assert [f.path for f in found] == [
        "version",
        "title_zh",
        "dimensions.risk.label_zh",
        "tiers[1].label_en",
        "tiers[2].label_en",
    ]


def test_labels_left_out_of_the_file_are_missing(small_text: str) -> None:
    text = small_text.replace('label_zh = "风险"\n', "").replace('title_en = "Small"\n', "")
    with pytest.raises(Exception, match=r"title_en: is missing(.|\n)*dimensions.risk.label_zh"):
        parse_scheme(text)


@pytest.mark.parametrize("name", ["", "Five", "five_dimension", "-a", "a--b", "五"])
def test_scheme_ids(small: Scheme, name: str) -> None:
    assert [f.path for f in changed(small, id=name)] == ["id"]


def test_x8_the_last_cut_is_zero(small: Scheme) -> None:
    (fault,) = changed(small, tiers=tiers(75, 60, 40))
    assert fault.path == "tiers[2].cut"
    assert "without a tier (X8)" in fault.message


@pytest.mark.parametrize("cuts", [(60, 75, 0), (60, 60, 0)])
def test_x8_tiers_run_from_best_to_worst(small: Scheme, cuts: tuple[float, ...]) -> None:
    (fault,) = changed(small, tiers=tiers(*cuts))
    assert fault.path == "tiers[1].cut"
    assert "best to worst (X8)" in fault.message


@pytest.mark.parametrize("cut", [100.5, -1.0])
def test_cuts_lie_on_the_scale(small: Scheme, cut: float) -> None:
    listed = tiers(cut, 60, 0) if cut > 0 else tiers(75, 60, cut)
    places = [f.path for f in changed(small, tiers=listed)]
    assert places[0] == ("tiers[0].cut" if cut > 0 else "tiers[2].cut")


def test_x9_ids_and_labels_are_unique_inside_the_scheme(small: Scheme) -> None:
    listed = tiers(75, 60, 0)
    listed[1] = {**listed[0], "cut": 60}
    listed[2]["id"] = "Two"
    assert [(f.path, f.message) for f in changed(small, tiers=listed)] == [
        ("tiers[2].id", "'Two' must be lower-case words joined by '_'."),
        ("tiers", "id 't0' stands twice."),
        ("tiers", "label_en 'T0' stands twice."),
        ("tiers", "label_zh '层0' stands twice."),
    ]


@pytest.mark.parametrize("count", [0, 1])
def test_one_tier_is_no_grading(small: Scheme, count: int) -> None:
    (fault,) = changed(small, tiers=tiers(0)[:count])
    assert fault.path == "tiers"


def referral(band: float = 1.0, missing: float = 0.3, flags: tuple[str, ...] = ()) -> object:
    return {"band": band, "max_missing_weight": missing, "refer_flags": flags}


@pytest.mark.parametrize(
    ("cuts", "fits", "overlaps", "tier"),
    [
        ((75, 60, 0), 7.5, 7.6, "t1"),  # two borders in 15 points
        ((97, 60, 0), 3.0, 3.1, "t0"),  # the top tier has one border in 3 points
        ((75, 5, 0), 5.0, 5.1, "t2"),  # and so has the lowest
    ],
)
def test_bands_leave_part_of_each_tier_to_the_machine(
    small: Scheme, cuts: tuple[float, ...], fits: float, overlaps: float, tier: str
) -> None:
    assert changed(small, tiers=tiers(*cuts), referral=referral(fits)) == []
    (fault,) = changed(small, tiers=tiers(*cuts), referral=referral(overlaps))
    assert fault.path == "referral.band"
    assert f"tier {tier!r}; at most {fits:g} fit" in fault.message


def test_referral_numbers_and_flags(small: Scheme) -> None:
    found = changed(small, referral=referral(-1, 1.5, ("dormant", "dormant", "asleep")))
    assert [(f.path, f.message) for f in found] == [
        ("referral.band", "-1 points must not be negative."),
        ("referral.max_missing_weight", "1.5 must be a share between 0 and 1."),
        ("referral.refer_flags", "unknown flag 'asleep'; known: dormant."),
        ("referral.refer_flags", "flag 'dormant' stands twice."),
    ]
    assert [f.path for f in changed(small, referral=referral(missing=-0.1))] == [
        "referral.max_missing_weight"
    ]


@pytest.mark.parametrize(("ratio", "sound"), [(0, True), (10, True), (1, False), (-2, False)])
def test_a_jump_is_a_ratio_above_one(small: Scheme, ratio: float, sound: bool) -> None:
    found = changed(small, referral={**small.referral.model_dump(), "max_jump_ratio": ratio})
    assert [f.path for f in found] == ([] if sound else ["referral.max_jump_ratio"])


def test_faults_read_as_place_and_message() -> None:
    assert str(Fault("tiers", "is empty.")) == "tiers: is empty."


def test_tiers_over_time_and_packs_are_of_this_scheme(small: Scheme) -> None:
    found = changed(
        small,
        migration={"grace_days": -1, "support": [{"tier": "none", "text_en": "a", "text_zh": "b"}]},
        packs={"tiers": [{"tier": "other", "text_en": "a", "text_zh": "b"}]},
    )
    assert [f.path for f in found] == [
        "migration.grace_days",
        "migration.support[0].tier",
        "packs.tiers[0].tier",
    ]
