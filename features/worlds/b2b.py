"""The demo world of a simulated B2B supplier: all ten tables over 36 months.

What is planted in it is told in ``docs/simulated-company.md``;
:mod:`features.worlds.company` draws it.
"""

from __future__ import annotations

import ibis
import pyarrow as pa
from ibis.backends import BaseBackend

from features.contract import CONTRACT
from features.worlds.company.blocks import simulate
from features.worlds.company.writing import CURRENCY, TERMS
from features.worlds.world import WorldTables

SEED, ACCOUNTS = 20261031, 2_000
"""The company of the demo."""


def tables(connection: BaseBackend, *, seed: int = SEED, n_accounts: int = ACCOUNTS) -> WorldTables:
    """Simulate the company in memory.

    Parameters
    ----------
    connection
        Not needed to simulate; all worlds take it.
    seed
        The same seed gives the same tables.
    n_accounts
        Number of accounts; about 43 order lines each.
    """
    parts: dict[str, list[pa.Table]] = {name: [] for name in CONTRACT}
    for block in simulate(seed, n_accounts, truths=False):
        for name, part in block.tables.items():
            parts[name].append(part)
    return WorldTables(
        tables={name: ibis.memtable(pa.concat_tables(drawn)) for name, drawn in parts.items()},
        currency=CURRENCY,
        simulated=True,
        terms=TERMS,
        title_en="Industrial supplier (simulated)",
        title_zh="工业品供应商（模拟数据）",
    )
