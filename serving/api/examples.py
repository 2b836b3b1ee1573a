"""Answers as they look, for the OpenAPI file; a test reads them back with their schemas."""

from __future__ import annotations

from typing import Any

_RUN = "20240701T020000000000-1a2b3c4d"
_GRADE_ID = "3a35caae7545609ef52b10f66da270b3"

GRADE: dict[str, Any] = {
    "customer_id": "1001",
    "grade_id": _GRADE_ID,
    "run_id": _RUN,
    "as_of": "2024-06-30",
    "score": 58.5,
    "tier": {
        "id": "potential",
        "index": 2,
        "label": {"en": "Potential customer", "zh-CN": "潜力客户"},
        "cut": 45.0,
    },
    "margin": {
        "up": 1.5,
        "next_tier": {
            "id": "core",
            "index": 1,
            "label": {"en": "Core customer", "zh-CN": "核心客户"},
            "cut": 60.0,
        },
        "down": 13.5,
    },
    "churn": {"probability": 0.18, "horizon_days": 30},
    "ltv": {
        "value": 412.7,
        "lower": 165.1,
        "upper": 731.9,
        "horizon_days": 90,
        "currency": "USD",
    },
    "dimensions": [
        {"id": "value", "label": {"en": "Value", "zh-CN": "价值"}, "weight": 1.0, "score": 58.5},
    ],
    "lifecycle": [
        {
            "scheme": "six-stage",
            "version": "1.0.0",
            "title": {"en": "Six lifecycle stages", "zh-CN": "生命周期六阶段"},
            "stage": "growing",
            "label": {"en": "Growing", "zh-CN": "成长期"},
        },
    ],
    "segment": None,
    "confidence": 0.92,
    "tenure": {
        "raw_tier": "core",
        "since": "2024-03-31",
        "pending_since": None,
        "days_left": None,
        "codes": ["unchanged"],
        "texts": [{"en": "Core customer, as before.", "zh-CN": "维持核心客户。"}],
    },
    "policy": None,
    "referral": {
        "referred": True,
        "reasons": [
            {
                "code": "border_margin",
                "text": {"en": "Close to a tier's border.", "zh-CN": "接近分级边界。"},
            }
        ],
        "case_id": "0002052a01187a4fe9f90bbed16db6c8",
        "due_at": "2024-07-08T02:00:00Z",
    },
    "override": None,
    "model": {
        "version": "3",
        "bundle_digest": "c" * 64,
        "trained_as_of": "2024-06-30",
        "side": "champion",
    },
    "scheme": {"id": "five-dimension", "version": "1.1.0", "sha256": "9" * 64},
    "world": "journey",
    "simulated": False,
    "masked": [],
}

_TIER = {
    "id": "core",
    "index": 1,
    "label": {"en": "Core customer", "zh-CN": "核心客户"},
    "cut": 60.0,
}
_LIFTED = {
    "en": "Graded Potential customer, held back by buying few product categories and late "
    "payments: to add 2 product categories and pay on time (95.0% of amounts due instead of "
    "80.0%) would lift the grade to Core customer (61.7 points).",
    "zh-CN": "因采购品类单一、付款不及时被归为潜力客户，但增加2个品类、按期付款"
    "（回款及时率由80.0%提高至95.0%）即可升为核心客户（61.7分）。",
}

LIFT: dict[str, Any] = {
    "customer_id": "1001",
    "grade_id": _GRADE_ID,
    "run_id": _RUN,
    "as_of": "2024-06-30",
    "score": 58.5,
    "tier": GRADE["tier"],
    "next_tier": _TIER,
    "near_border": False,
    "proposals": [
        {
            "changes": [
                {
                    "indicator": "category_count_180d",
                    "label": {
                        "en": "Categories bought, last 180 days",
                        "zh-CN": "近180天采购品类数",
                    },
                    "unit": "count",
                    "before": 3.0,
                    "after": 5.0,
                    "points": 2.3,
                    "text": {"en": "add 2 product categories", "zh-CN": "增加2个品类"},
                },
                {
                    "indicator": "on_time_collection_rate_365d",
                    "label": {
                        "en": "Share of amounts due that were paid on time, last 365 days",
                        "zh-CN": "近365天回款及时率",
                    },
                    "unit": "rate",
                    "before": 0.8,
                    "after": 0.95,
                    "points": 0.9,
                    "text": {
                        "en": "pay on time (95.0% of amounts due instead of 80.0%)",
                        "zh-CN": "按期付款（回款及时率由80.0%提高至95.0%）",
                    },
                },
            ],
            "effort": 7,
            "score": 61.7,
            "tier": _TIER,
            "to_panel": False,
            "text": _LIFTED,
        }
    ],
    "attainable_score": None,
    "supplies": [],
    "blocked": [],
    "actions_version": "1.0.0",
    "actions_sha256": "7" * 64,
    "texts": {lang: [text] for lang, text in _LIFTED.items()},
}

EXPLANATION: dict[str, Any] = {
    "customer_id": "1001",
    "grade_id": _GRADE_ID,
    "run_id": _RUN,
    "as_of": "2024-06-30",
    "base": 49.5,
    "score": 58.5,
    "contributions": [
        {
            "indicator": "net_amount_365d",
            "label": {"en": "Net spend, last 365 days", "zh-CN": "近365天净采购额"},
            "channel": "direct",
            "channel_label": {"en": "", "zh-CN": ""},
            "dimension": "value",
            "value": 1650.25,
            "unit": "money",
            "percentile": 88.0,
            "points": 88.0,
            "weight": 0.25,
            "contribution": 9.5,
        },
        {
            "indicator": "days_since_last_order",
            "label": {"en": "Days since the last order", "zh-CN": "距上次采购天数"},
            "channel": "churn_probability",
            "channel_label": {"en": "churn risk", "zh-CN": "流失风险"},
            "dimension": "risk",
            "value": 21.0,
            "unit": "days",
            "percentile": 61.5,
            "points": 46.0,
            "weight": 0.12,
            "contribution": -0.5,
        },
    ],
    "texts": {
        "en": {
            "headline": "58.5 points: potential customer, mostly for net spend, last 365 days.",
            "base": "A typical customer has 49.5 points.",
            "positive": [
                {
                    "indicator": "net_amount_365d",
                    "points": 9.5,
                    "text": "Net spend, last 365 days: USD 1,650, adds 9.5 points.",
                }
            ],
            "negative": [],
            "margin": "1.5 points below core customer.",
            "forecast": "18.0% likely to buy nothing within 30 days.",
            "referral": ["Close to a tier's border."],
        }
    },
}

SIMULATIONS: Any = [
    {"customer_id": "1001", "indicators": {"days_since_last_order": 5}},
    {
        "indicators": {
            "net_amount_365d": 1200,
            "order_days_365d": 9,
            "csat_mean_365d": None,
        }
    },
    {
        "customer_id": "1001",
        "indicators": {"days_since_last_order": 5},
        "explanation": "contributions",
    },
]
