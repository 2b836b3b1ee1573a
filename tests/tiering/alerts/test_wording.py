"""What is told of an alert, in both languages."""

from __future__ import annotations

import math

import pytest

from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.wording import measured, tell, threshold_text
from tiering.condition import parse_condition


@pytest.mark.parametrize(
    ("name", "value", "en", "zh"),
    [
        ("net_amount_drop_2m", 0.523, "52 %", "52 %"),
        ("interaction_change_30d", -0.5, "-67 %", "-67 %"),
        ("interaction_change_30d", 0.2, "+50 %", "+50 %"),
        ("interaction_change_30d", -1.0, "-100 %", "-100 %"),
        ("interaction_change_30d", 1.0, "from nothing", "从无到有"),
        ("max_overdue_days", 31.0, "31 days", "31天"),
        ("overdue_amount", 12345.6, "12,346", "12,346"),
        ("low_csat_streak", 3.0, "3", "3"),
        ("recency_to_interval_ratio", 3.14, "3.1", "3.1"),
        ("health_score", 59.94, "59.9", "59.9"),
        ("churn_probability", 0.61, "61 %", "61 %"),
        ("max_overdue_days", None, "unknown", "未知"),
        ("max_overdue_days", math.nan, "unknown", "未知"),
    ],
)
def test_values_are_told_in_their_unit(name: str, value: float | None, en: str, zh: str) -> None:
    assert measured(name, value, "en") == en
    assert measured(name, value, "zh") == zh


def test_the_customer_s_numbers_stand_in_the_text() -> None:
    alert = packaged_catalogue().alert("overdue_payment")
    values = {"max_overdue_days": 45.0, "overdue_amount": 8000.0}
    assert tell(alert, values, "en") == (
        "The oldest unpaid invoice is 45 days overdue; 8,000 is open in all."
    )
    assert tell(alert, {}, "zh") == "最早一笔未付发票已逾期未知，逾期总额未知。"


def test_the_limit_is_told() -> None:
    conditions = (
        parse_condition("net_amount_drop_2m >= 0.5"),
        parse_condition("health_score < 60"),
        parse_condition("churn_probability >= 0.3"),
    )
    assert threshold_text(conditions, "en").endswith(
        "≥ 50 %; Health score < 60.0; Probability of churn over the horizon ≥ 30 %"
    )
    assert "健康度得分 < 60.0；" in threshold_text(conditions, "zh")
