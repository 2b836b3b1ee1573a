"""A what-if from raw events as it looks."""

from __future__ import annotations

from typing import Any

from serving.api.examples import EXPLANATION, GRADE

SIMULATION: dict[str, Any] = {
    "customer_id": "prospect-17",
    "as_of": "2024-06-30",
    "currency": "USD",
    "customers": [{"created_at": "2024-01-08", "industry": "retail", "credit_grade": "BBB"}],
    "orders": [
        {"order_id": "A-1", "occurred_at": "2024-01-09T10:30:00Z", "net_amount": "410.00"},
        {"order_id": "A-2", "occurred_at": "2024-03-02T16:05:00Z", "net_amount": 385.5},
        {"order_id": "A-3", "occurred_at": "2024-05-27", "net_amount": 512, "category": "tea"},
        {"order_id": "A-4", "occurred_at": "yesterday", "net_amount": 99},
    ],
    "tickets": [{"ticket_id": "T-1", "occurred_at": "2024-04-02", "is_complaint": True}],
    "explanation": False,
}

ANSWER: dict[str, Any] = {
    "grade": {
        **GRADE,
        "customer_id": "prospect-17",
        "grade_id": None,
        "run_id": None,
        "tenure": None,
        "referral": {**GRADE["referral"], "case_id": None, "due_at": None},
    },
    "explanation": {
        **EXPLANATION,
        "customer_id": "prospect-17",
        "grade_id": None,
        "run_id": None,
    },
    "indicators": {"order_days_365d": 3.0, "net_amount_365d": 1307.5, "profit_share_365d": None},
    "rejected": [
        {
            "table": "orders",
            "row": 3,
            "reason": "bad_timestamp",
            "column": "occurred_at",
            "text": {
                "en": "a time that is missing or cannot be read",
                "zh-CN": "时间缺失或无法识别",
            },
        }
    ],
    "not_from_events": [
        {
            "indicator": "profit_share_365d",
            "label": {"en": "Share of all profit, last 365 days", "zh-CN": "近365天利润占比"},
            "needs": "other_customers",
            "treatment": "unknown",
        }
    ],
    "not_used": ["tickets.is_complaint"],
}
