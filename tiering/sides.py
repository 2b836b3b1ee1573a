# mypy: disable-error-code="untyped-decorator"
# what numba makes of a function has no type
"""What raises a sum and what lowers it, of one customer's hundreds of parts."""

from __future__ import annotations

from typing import Any

from tiering.compiled import compiled


@compiled  # pragma: no cover - it runs as machine code
def sides(parts: Any) -> Any:
    """Return the sum of ``(m,)`` parts above 0 and that of those below, one after the other."""
    rise = fall = 0.0
    for p in parts:
        if p > 0.0:
            rise += p
        elif p < 0.0:
            fall += p
    return rise, fall
