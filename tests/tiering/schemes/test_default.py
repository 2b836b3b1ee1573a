"""#38, #41: the five dimensions 40/25/15/15/5 and four tiers, unchanged."""

from __future__ import annotations

from tiering.scheme import load_scheme


def test_the_content_is_the_same_as_ever() -> None:
    # Bundles carry this digest: whoever changes the scheme gives it a new version.
    assert load_scheme().sha256.startswith("3ef270d6")


def test_a_customer_by_hand(grade) -> None:
    found = grade(
        "default",
        {
            "ltv": 90, "net_amount_365d": 80, "gross_margin_rate_365d": 60,
            "average_order_value_365d": 70, "discount_rate_365d": 20,
            "churn_probability": 10, "on_time_collection_rate_365d": 80,
            "tenure_days": 90, "active_month_share_12m": 70,
        },
    )  # fmt: skip
    # .45*90 + .20*80 + .15*60 + .10*70 + .10*(100 - 20) = 40.5 + 16 + 9 + 7 + 8
    assert found.score_of("value") == [80.5]
    assert found.score_of("potential") == [50]
    # .40*90 + .15*80 + .45*50 = 36 + 12 + 22.5
    assert found.score_of("risk") == [70.5]
    # .35*90 + .30*70 + .35*50 = 31.5 + 21 + 17.5
    assert found.score_of("strategic") == [70]
    assert found.score_of("dynamic") == [50]
    # .40*80.5 + .25*50 + .15*70.5 + .15*70 + .05*50 = 32.2 + 12.5 + 10.575 + 10.5 + 2.5
    assert found.scores == [68.275]
    assert found.tiers == ["core"]


def test_tiers_at_their_borders(grade) -> None:
    from features.schema import Direction, describe

    names = grade("default", {}).scheme.indicators
    lower = {n for n in names if describe(n).direction is Direction.LOWER_IS_BETTER}
    levels = (75, 74.5, 60, 59.5, 45, 44.5)
    found = grade("default", *({n: 100 - v if n in lower else v for n in names} for v in levels))
    assert found.scores == list(levels)
    assert found.tiers == ["strategic_partner", "core", "core", "potential", "potential", "basic"]
