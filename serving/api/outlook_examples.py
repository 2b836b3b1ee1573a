"""An outlook as it looks, for the OpenAPI file; a test reads it back with its schema."""

from __future__ import annotations

from typing import Any

from serving.api.examples import GRADE

_GREEN: dict[str, Any] = {
    "id": "green",
    "begin": 80.0,
    "label": {"en": "Healthy", "zh-CN": "健康（绿色）"},
}
OUTLOOK: dict[str, Any] = {
    "customer_id": "1001",
    "grade_id": GRADE["grade_id"],
    "run_id": GRADE["run_id"],
    "as_of": "2024-06-30",
    "currency": "USD",
    "dormant": False,
    "annual_rate": 0.1,
    "contribution_rate": None,
    "acquisition_cost": 80.0,
    "values": [
        {
            "horizon_days": 90,
            "discounted": False,
            "net_value": 412.7,
            "intervals": [
                {"nominal": 0.8, "lower": 201.4, "upper": 655.0},
                {"nominal": 0.9, "lower": 165.1, "upper": 731.9},
            ],
            "contribution": None,
            "net_value_to_acquisition_cost": 5.15875,
            "contribution_to_acquisition_cost": None,
            "purchase_days": 8.4,
            "purchase_days_if_active": 8.75,
        },
        {
            "horizon_days": 365,
            "discounted": True,
            "net_value": 1552.0,
            "intervals": [],
            "contribution": None,
            "net_value_to_acquisition_cost": 19.4,
            "contribution_to_acquisition_cost": None,
            "purchase_days": 31.6,
            "purchase_days_if_active": 32.9,
        },
    ],
    "activity": {"p_active": 0.96, "order_value": 46.2, "correction": 1.063},
    "churn": [
        {"horizon_days": 30, "probability": 0.18, "graded": True},
        {"horizon_days": 60, "probability": 0.09, "graded": False},
    ],
    "demand": {
        "horizon_days": 30,
        "value": 141.2,
        "intervals": [
            {"nominal": 0.8, "lower": 38.0, "upper": 268.3},
            {"nominal": 0.9, "lower": 21.7, "upper": 324.9},
        ],
    },
    "health": {
        "source": "model",
        "policy": "six-dimensions",
        "policy_version": "1.0.0",
        "score": 71.3,
        "stays": 0.88,
        "horizon_days": 30,
        "band": _GREEN,
        "response": {
            "hours": None,
            "owner": "account_manager",
            "action": {"en": "Usual care.", "zh-CN": "常规维护。"},
        },
        "known": 0.67,
        "dimensions": [
            {
                "id": "cooperation_stability",
                "label": {"en": "Stability of cooperation", "zh-CN": "合作稳定性"},
                "points": 76.2,
                "weight": 0.32,
                "scale_points": 100.0,
                "band": _GREEN,
                "indicators": [
                    {
                        "indicator": "active_month_share_12m",
                        "label": {
                            "en": "Share of the last 12 months with a purchase",
                            "zh-CN": "近12个月有采购的月份占比",
                        },
                        "unit": "rate",
                        "value": 0.75,
                        "points": 76.2,
                        "weight": 0.32,
                    }
                ],
            }
        ],
    },
    "renewal": None,
    "unknown": [
        {
            "figure": "contribution",
            "reason": "no_model",
            "text": {
                "en": "The sources that the model learned from do not tell it.",
                "zh-CN": "模型所学习的数据源无法给出此项。",
            },
            "detail": "A contribution rate needs 20 customers with a contribution before and after "
            "the snapshot; there are 0.",
        },
        {
            "figure": "renewal",
            "reason": "no_contract",
            "text": {
                "en": "No running contract is still to be renewed.",
                "zh-CN": "没有尚待续签的在执行合同。",
            },
            "detail": None,
        },
    ],
    "model": GRADE["model"],
    "scheme": GRADE["scheme"],
    "world": "journey",
    "simulated": False,
}
