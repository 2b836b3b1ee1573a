"""Webhooks as they look, for the OpenAPI file; a test reads them back with their schemas."""

from __future__ import annotations

from typing import Any

WEBHOOK: dict[str, Any] = {
    "webhook_id": "wh_0f8e6a1c2b3d4e5f6a7b8c9d",
    "url": "https://crm.example.com/hooks/tierwise",
    "description": "CRM: tasks for account managers",
    "event_types": ["tier.changed", "alert.*"],
    "state": "active",
    "paused": False,
    "created_at": "2024-07-01T08:00:00Z",
    "created_by": "person:li.wei",
    "old_secret_until": None,
    "failures": 0,
    "resume_at": None,
    "succeeded_at": "2024-07-01T08:00:05Z",
    "failed_at": None,
    "pending": 0,
    "delivered": 12,
    "dead": 0,
}

NEW_WEBHOOK: dict[str, Any] = {
    "url": "https://crm.example.com/hooks/tierwise",
    "event_types": ["tier.changed", "alert.*"],
    "description": "CRM: tasks for account managers",
}

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "msg_5b1c9f6a0c3e4d5f8a7b6c5d4e3f2a1b",
    "source": "urn:tierwise:journey",
    "type": "tierwise.alert.opened.v1",
    "subject": "alert:5b1c9f6a0c3e4d5f8a7b6c5d4e3f2a1b",
    "time": "2024-07-01T02:00:00.000000Z",
    "sequence": "000000000042",
    "datacontenttype": "application/json",
    "data": {
        "alert_id": "5b1c9f6a0c3e4d5f8a7b6c5d4e3f2a1b",
        "customer_id": "1001",
        "kind": "order_drop",
        "severity": "red",
        "state": "open",
        "responsible": "account_manager",
        "due_at": "2024-07-04T02:00:00",
    },
}

DELIVERY: dict[str, Any] = {
    "sequence": 42,
    "message_id": EVENT["id"],
    "type": EVENT["type"],
    "subject": EVENT["subject"],
    "happened_at": "2024-07-01T02:00:00Z",
    "state": "delivered",
    "tries": 2,
    "next_at": None,
    "closed_at": "2024-07-01T02:00:06Z",
    "event": EVENT,
    "attempts": [
        {
            "number": 1,
            "at": "2024-07-01T02:00:00Z",
            "milliseconds": 15000,
            "status": None,
            "error": "timeout",
            "answer": "",
        },
        {
            "number": 2,
            "at": "2024-07-01T02:00:06Z",
            "milliseconds": 41,
            "status": 204,
            "error": None,
            "answer": "",
        },
    ],
}
