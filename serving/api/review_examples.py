"""Reviews, overrides and appeals as they look, for the OpenAPI file."""

from __future__ import annotations

from typing import Any

_CASE = "0002052a01187a4fe9f90bbed16db6c8"
_TEXTS = {
    "en": "A one-off return distorts the year.",
    "zh-CN": "一次性退货使全年数据失真。",
}
_LEVEL = {"id": "panel", "label": {"en": "Review panel", "zh-CN": "评审会"}}
_REASON = {
    "id": "one_off",
    "label": {"en": "A one-off event distorts the figures", "zh-CN": "一次性事件导致数据失真"},
}

REVIEW_DETAIL: dict[str, Any] = {
    "case_id": _CASE,
    "customer_id": "1001",
    "kind": "referral",
    "grade_id": "3a35caae7545609ef52b10f66da270b3",
    "run_id": "20240701T020000000000-1a2b3c4d",
    "status": "decided",
    "level": _LEVEL,
    "version": 6,
    "reasons": ["border_margin"],
    "score": 58.5,
    "tier_id": "potential",
    "opened_at": "2024-07-01T02:00:00Z",
    "due_at": "2024-07-08T02:00:00Z",
    "late": False,
    "claimed_by": "person:li.wei",
    "claimed_at": "2024-07-01T06:10:00Z",
    "escalated_at": None,
    "votes_cast": 3,
    "quorum": 3,
    "decision": {
        "tier_id": "core",
        "outcome": "overridden",
        "reason": _REASON,
        "text": _TEXTS,
        "decided_at": "2024-07-03T08:00:00Z",
        "decided_by": "person:li.wei",
        "holds_until": "2024-10-01T08:00:00Z",
        "agreement": 1.0,
    },
    "closed_at": None,
    "closed_by": None,
    "appeal_id": None,
    "votes": [
        {
            "sequence": 1,
            "level": _LEVEL,
            "voter": "person:li.wei",
            "seat": {
                "id": "sales_director",
                "label": {"en": "Sales director", "zh-CN": "销售总监"},
            },
            "tier_id": "core",
            "reason": _REASON,
            "text": "The return was one broken pump.",
            "confidence": 0.9,
            "at": "2024-07-02T07:00:00Z",
            "commitment": "9c1185a5c5e9fc54612808977ee8f548b2258d31c00d6e9e1f2a6a3c1f1f7a11",
            "salt": "5f2b7c0d9e8a41b6a3c2d1e0f9b8a7c6",
        }
    ],
    "own_vote": None,
}

BALLOT: dict[str, Any] = {
    "seat": "sales_director",
    "tier_id": "core",
    "reason": "one_off",
    "text": "The return was one broken pump.",
    "confidence": 0.9,
}

DECIDING: dict[str, Any] = {"reason": "one_off", "text": _TEXTS, "days": 90}

ESCALATION: dict[str, Any] = {"why": "The contract is being renegotiated; the chair should see it."}

CLOSING: dict[str, Any] = {
    "note": {"en": "Thank you for telling us.", "zh-CN": "感谢您的反馈。"},
}

FILING: dict[str, Any] = {
    "customer_id": "1001",
    "reason": "We buy through two subsidiaries, and only one is counted.",
    "evidence": ["Framework contract 2024-17, annex B"],
}

APPEAL: dict[str, Any] = {
    "appeal_id": "6f1ed002ab5595859014ebf0951522d9",
    "customer_id": "1001",
    "case_id": "b1946ac92492d2347c6235b4d2611184",
    "contested_case_id": None,
    "contested_tier_id": "potential",
    "wanted_tier_id": "core",
    "reason": FILING["reason"],
    "evidence": FILING["evidence"],
    "filed_at": "2024-07-10T02:00:00Z",
    "filed_by": "key:crm-sync",
    "status": "closed",
    "due_at": "2024-07-17T02:00:00Z",
    "late": False,
    "outcome": "upheld",
    "answered_at": "2024-07-15T02:00:00Z",
    "answered_in_time": True,
    "answer": {
        "en": ["Your appeal is upheld: you are graded Core customer."],
        "zh-CN": ["您的申诉成立：您的等级为核心客户。"],
    },
}

REVOCATION: dict[str, Any] = {"text": "The return was booked back; the figures are right again."}
