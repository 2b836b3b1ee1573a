"""The market of the simulated company: a monthly index of each industry, and policies."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from features.contract import CONTRACT
from features.worlds.company.columns import ARROW
from features.worlds.company.seasons import (
    FIRST_DAY,
    INDUSTRIES,
    LAST_DAY,
    SHOCK_DAY,
    SHOCKED,
)
from features.worlds.company.streams import stream

INDEX_FALL = 35.0
"""Points that the index of the shocked industry loses, over three months from the shock on."""

POLICIES = (
    ("electronics", date(2024, 6, 12), 0.4),
    ("chemicals", date(2025, 3, 4), -0.2),
    (SHOCKED, date(2025, 8, 20), -0.6),
    ("machinery", date(2026, 1, 15), 0.3),
)
"""Industry, day, and impact from -1 to 1; that of the shocked industry heralds the shock."""

_PUBLISHED = 8
"""Day of the next month on which the index of a month comes out."""


def market(seed: int) -> pa.Table:
    """Return the market table; it does not depend on the number of accounts."""
    rng = stream(seed, 0, "market")
    rows: list[dict[str, object]] = []
    first = FIRST_DAY.year * 12 + FIRST_DAY.month - 1
    last = LAST_DAY.year * 12 + LAST_DAY.month - 1
    shock = SHOCK_DAY.year * 12 + SHOCK_DAY.month - 1
    for industry in INDUSTRIES:
        drift = 0.0
        for month in range(first - 1, last):
            drift = 0.9 * drift + rng.normal(0, 0.8)
            fallen = np.clip((month + 1 - shock) / 3, 0, 1) if industry == SHOCKED else 0.0
            out = date((month + 1) // 12, (month + 1) % 12 + 1, _PUBLISHED)
            value = round(100 + drift - INDEX_FALL * float(fallen), 1)
            rows.append(_row(industry, "index", out, value))
    rows += [_row(industry, "policy", day, impact) for industry, day, impact in POLICIES]
    columns = CONTRACT["market"].columns
    schema = pa.schema([(column.name, ARROW[column.kind]) for column in columns])
    return pa.Table.from_pylist(rows, schema=schema)


def _row(industry: str, kind: str, day: date, value: float) -> dict[str, object]:
    published = datetime.combine(day, time(2))
    return {
        "industry": industry,
        "kind": kind,
        "occurred_at": published,
        "recorded_at": published + timedelta(minutes=30),
        "value": value,
    }
