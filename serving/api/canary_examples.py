"""A canary as it looks."""

from __future__ import annotations

from typing import Any

_DIGEST = "c" * 64
_FIGURE: dict[str, Any] = {
    "id": "referred",
    "kind": "share",
    "unit": "",
    "champion": {"value": 0.101, "lower": 0.088, "upper": 0.115, "n": 2222},
    "canary": {"value": 0.134, "lower": 0.098, "upper": 0.181, "n": 247},
    "difference": {"value": 0.033, "lower": -0.005, "upper": 0.081},
    "verdict": "not_shown",
}
CANARY: dict[str, Any] = {
    "plan": {
        "version": "4",
        "bundle_digest": _DIGEST,
        "percent": 10.0,
        "started_at": "2024-06-30T20:40:00Z",
        "started_by": "li.wei",
        "reason": "Better on every origin.",
        "ended_at": None,
        "ending": None,
    },
    "run_id": "20240701T020000000000-1a2b3c4d",
    "made_at": "2024-07-01T02:05:00Z",
    "comparison": {
        "as_of": "2024-06-30",
        "simulated": True,
        "currency": "EUR",
        "runs": 1,
        "share": 0.1,
        "allocation": {"value": 0.1, "lower": 0.089, "upper": 0.112, "n": 2469},
        "champion": {"version": "3", "bundle_digest": "d" * 64, "customers": 2222},
        "canary": {"version": "4", "bundle_digest": _DIGEST, "customers": 247},
        "small": False,
        "smallest": 30,
        "figures": [_FIGURE],
        "scores": {
            "edges": [0.0, 50.0, 100.0],
            "quantiles": [0.5],
            "champion": {"customers": [1111, 1111], "quantiles": [50.1]},
            "canary": {"customers": [120, 127], "quantiles": [51.0]},
        },
        "churn_outcomes": None,
        "value_outcomes": None,
    },
}
