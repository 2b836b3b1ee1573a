"""The simulated company of the study, and what who knows its truth expects."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.backends import connect
from features.door.ingest import ingest
from features.publish import publish
from features.schema import FloatArray
from features.sources import open_sources
from features.worlds.company.accounts import ORDER_SPREAD
from features.worlds.company.blocks import simulate

ACCOUNTS, SEED = 8000, 11
HORIZONS = (90, 365, 1095, 1825)


def prepare(folder: Path) -> None:
    """Simulate the company, with its truth, and publish month ends from July 2024 on."""
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    for block in simulate(SEED, ACCOUNTS):
        for name, table in {**block.tables, **block.truths}.items():
            parts[f"truth/{name}" if name in block.truths else name].append(table)
    whole = {name: pa.concat_tables(tables) for name, tables in parts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(whole["truth/accounts"], folder / "accounts.parquet")
    connection = connect()
    raw = {
        name: connection.create_table(f"raw_{name}", table)
        for name, table in whole.items()
        if "/" not in name
    }
    ingest(
        raw,
        folder / "sources",
        connection=connection,
        world="b2b",
        currency="CNY",
        simulated=True,
    )
    ends = [date(2024 + m // 12, m % 12 + 1, 1) - timedelta(days=1) for m in range(7, 32)]
    publish(
        open_sources(folder / "sources", connection),
        folder / "published",
        ends,
        [90, 180, 365],
        progress=lambda name, done, n: print(f"{done}/{n} {name}"),
    )


def expected(
    folder: Path, customers: list[str], day: date, *, growing: bool
) -> dict[int, FloatArray]:
    """Return the expected net amounts; ``growing`` lets planted growth go on after the day."""
    a = pq.read_table(folder / "accounts.parquet").to_pandas().set_index("customer_id")
    a = a.loc[customers]
    today = np.datetime64(day)
    start = (a.start_day.to_numpy().astype("datetime64[D]") - today).astype(float)
    stays = a.churn_day.to_numpy().astype("datetime64[D]") > today
    hazard, growth = a.churn_hazard_per_day.to_numpy(), a.growth_per_year.to_numpy()
    # the intent to buy of an account that may leave any day, the decline before it included
    intent = 0.12 + (np.exp(-18 * hazard) - np.exp(-150 * hazard)) / (150 * hazard)
    fall = min(1.0, max(0.0, (day - date(2025, 9, 1)).days / 60))
    shock = np.where(a.industry.to_numpy() == "textiles", 1 - 0.45 * fall, 1.0)
    rate = a.purchase_rate_per_year.to_numpy() / 365 * 0.99 * shock * intent
    worth = a.order_value.to_numpy() * np.exp(ORDER_SPREAD**2 / 2)
    worth = worth * (1 - a.discount_rate.to_numpy())
    total, found = np.zeros(len(a)), {}
    for ahead in range(1, HORIZONS[-1] + 1):
        middle = ahead - 0.5
        there = stays * np.exp(-hazard * np.maximum(middle - np.maximum(start + 60, 0), 0))
        grown = np.exp(1.5 * growth * ((middle if growing else 0.0) - start) / 365)
        total = total + there * rate * worth * grown
        if ahead in HORIZONS:
            found[ahead] = total
    return found
