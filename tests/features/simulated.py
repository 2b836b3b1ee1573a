"""The simulated company with its truth, in memory."""

from __future__ import annotations

import pyarrow as pa

from features.worlds.company.blocks import simulate


def whole(seed: int, accounts: int) -> dict[str, pa.Table]:
    """All tables of a company by name, and its truths as ``truth/...``."""
    parts: dict[str, list[pa.Table]] = {}
    for block in simulate(seed, accounts):
        for name, table in block.tables.items():
            parts.setdefault(name, []).append(table)
        for name, table in block.truths.items():
            parts.setdefault(f"truth/{name}", []).append(table)
    return {name: pa.concat_tables(tables) for name, tables in parts.items()}
