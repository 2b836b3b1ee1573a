"""Alerts as they look, for the OpenAPI file; a test reads them back with their schemas."""

from __future__ import annotations

from typing import Any

ALERT: dict[str, Any] = {
    "alert_id": "5b1c9f6a0c3e4d5f8a7b6c5d4e3f2a1b",
    "customer_id": "1001",
    "kind": {
        "id": "order_drop",
        "label": {"en": "Orders fell two months running", "zh-CN": "订单连续两个月下降"},
    },
    "requirement": "#76, #78, X4",
    "severity": "red",
    "state": "acknowledged",
    "tier_id": "strategic",
    "run_id": "20240701T020000000000-1a2b3c4d",
    "catalogue": "twelve-warnings@1.0.0",
    "text": {
        "en": "Net spend fell by at least 34 % in both of the last two months, "
        "against the three before.",
        "zh-CN": "近两个月采购额较此前三个月月均均下降至少34 %。",
    },
    "threshold": {
        "en": "Drop of net spend in both of the last two 30-day months, "
        "against the 90 days before ≥ 30 %",
        "zh-CN": "近两月采购额持续降幅（较此前90天月均） ≥ 30 %",
    },
    "playbook": {
        "en": "Ask the buyer for the reason before anything is offered.",
        "zh-CN": "先向采购方核实原因再给方案。",
    },
    "numbers": {"active_month_share_12m": 1.0, "net_amount_drop_2m": 0.34},
    "cause": {
        "by_rule": {
            "id": "adjustment",
            "label": {"en": "The customer adjusts", "zh-CN": "客户主动调整"},
        },
        "stated": None,
        "evidence": [
            {
                "id": "industry_falls",
                "label": {
                    "en": "The customer's whole industry is falling.",
                    "zh-CN": "客户所在行业整体下行。",
                },
            }
        ],
        "playbook": {
            "en": "The need is smaller, not gone.",
            "zh-CN": "需求减少而非消失。",
        },
    },
    "responsible": {
        "id": "account_manager",
        "label": {"en": "Account manager", "zh-CN": "客户经理"},
    },
    "needs_analysis": True,
    "raised_at": "2024-07-01T02:00:00Z",
    "due_at": "2024-07-04T02:00:00Z",
    "responded_at": None,
    "escalated_at": None,
    "late": False,
    "closed_at": None,
    "outcome": None,
    "measure": None,
    "reopened": 0,
    "actions": [
        {
            "sequence": 1,
            "at": "2024-07-01T08:00:00Z",
            "actor": "person:li.na",
            "action": "acknowledged",
            "note": "Call on Tuesday.",
            "cause": None,
            "measure": None,
            "outcome": None,
        }
    ],
}

ACKNOWLEDGEMENT: dict[str, Any] = {"note": "Call on Tuesday."}

ANALYSIS: dict[str, Any] = {
    "note": "The price of copper made them stretch their stock.",
    "cause": "adjustment",
}

RESOLUTION: dict[str, Any] = {
    "note": "Aluminium variant ordered; volumes are back at four fifths.",
    "outcome": "recovered",
    "measure": "substitute_offer",
    "industry": "machinery",
}
