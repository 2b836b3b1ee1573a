"""#52: value against risk, with credit that differs."""

from __future__ import annotations


def at(value: float, safety: float) -> dict[str, float]:
    return {
        "contribution_365d": value, "net_amount_365d": value,
        "on_time_collection_rate_365d": safety, "credit_grade_score": safety,
        "max_overdue_days": 100 - safety, "churn_probability": 100 - safety,
    }  # fmt: skip


def test_six_cells(grade) -> None:
    found = grade(
        "value-risk", at(60, 60), at(60, 59), at(59, 60), at(60, 29), at(59, 59), at(59, 29)
    )
    assert [found.scheme.tiers[i].label_zh for i in found.decisions.tier] == [
        "信用授信", "限额授信", "限额授信", "担保授信", "担保授信", "预付款",
    ]  # fmt: skip


def test_a_customer_by_hand(grade) -> None:
    found = grade(
        "value-risk",
        {
            "contribution_365d": 70, "net_amount_365d": 80,
            "on_time_collection_rate_365d": 40, "max_overdue_days": 70,
            "credit_grade_score": 50, "churn_probability": 60,
        },
    )  # fmt: skip
    assert found.score_of("value") == [75]
    # .3*40 + .2*(100 - 70) + .2*50 + .3*(100 - 60) = 12 + 6 + 10 + 12
    assert found.score_of("risk") == [40]
    assert found.scores == [57.5]
    assert found.tiers == ["limited_credit"]
    assert found.decisions.margin_up.tolist() == [20]  # safety lacks 20
    assert found.decisions.margin_down.tolist() == [10]  # 10 less and security is asked for


def test_more_risk_never_means_more_credit(grade) -> None:
    found = grade("value-risk", *(at(70, safety) for safety in range(1, 100)))
    assert sorted(found.decisions.tier.tolist(), reverse=True) == found.decisions.tier.tolist()
