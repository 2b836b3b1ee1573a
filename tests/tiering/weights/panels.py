"""Documents of small panels, for several tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DIMENSIONS = ("value", "potential", "risk")


def row(number: int, member: str, role: str, *points: float) -> dict[str, Any]:
    weights = dict(zip(DIMENSIONS, points, strict=True))
    return {"round": number, "member": member, "role": role, "weights": weights}


def document(*rows: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"answers": list(rows), **more}


def same(number: int, count: int, points: Sequence[float]) -> list[dict[str, Any]]:
    """Answers of ``count`` members who say the same; every third is an executive."""
    return [
        row(number, f"m{k:02d}", "executive" if k % 3 == 2 else "expert", *points)
        for k in range(count)
    ]
