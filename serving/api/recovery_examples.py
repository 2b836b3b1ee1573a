"""A customer under observation as it looks, for the OpenAPI file."""

from __future__ import annotations

from typing import Any

_LESS = {"en": "The customer needs less", "zh-CN": "客户自身需求减少"}

CONTACT: dict[str, Any] = {
    "reason": "less_need",
    "note": "Two of their three lines stand still until autumn.",
}

PLAN: dict[str, Any] = {
    "text": "Offer the smaller packs, review the terms in May, executive visit in June.",
    "owner": "person:li.na",
    "goal_tier_id": "ordinary",
    "goal_date": "2024-09-30",
}

RECOVERY: dict[str, Any] = {
    "recovery_id": "7c1d52b09ae34f610000000000000012",
    "customer_id": "1001",
    "run_id": "20240701T020000000000-1a2b3c4d",
    "scheme_id": "weighted-50-30-20",
    "tier_id": "observed",
    "policy": "committee@1.1.0",
    "state": "planned",
    "opened_at": "2024-07-01T02:00:00Z",
    "due_at": "2024-07-16T02:00:00Z",
    "late": False,
    "contact": {
        "at": "2024-07-02T08:00:00Z",
        "by": "person:li.na",
        "reason": {"id": "less_need", "label": _LESS},
        "note": CONTACT["note"],
    },
    "plan": {"at": "2024-07-09T09:30:00Z", "by": "person:li.na", **PLAN},
    "plans": 1,
    "late_at": None,
    "closed_at": None,
    "outcome": None,
}
