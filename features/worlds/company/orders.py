"""Orders and returns of the simulated company, a few of them ten times too large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.schema import FloatArray
from features.worlds.company.accounts import CATEGORIES, MARGIN, ORDER_SPREAD, Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.demand import CANCELLED, order_days, order_value
from features.worlds.company.seasons import DAYS, BoolArray, IntArray, clock, lateness
from features.worlds.company.streams import BLOCK, stream

ORDER_NUMBERS = 1_000_000
"""Order numbers set aside for a block."""

TENFOLD_EVERY = 50
"""Among so many accounts in a row, one has an order of ten times its size (#7)."""
EXPLAINED_EVERY = 3
"""Every third of those orders is real and gets explained; the others are slips of the keys."""

_UNIT_PRICE = np.geomspace(8.0, 1_900.0, len(CATEGORIES))
_LINES = [str(number) for number in range(1, 100)]


@dataclass(frozen=True)
class Orders:
    """The orders of a block, ``(orders,)`` each, as far as the last day knows them or not.

    Attributes
    ----------
    number
        Running number, unique in the company.
    who, at
        Account, and instant in days.
    invoiced
        Net amount that is invoiced; 0 for a cancelled order.
    tenfold
        Positions of the orders written ten times as large.
    explained
        ``(tenfold,)`` which of them were really so large.
    """

    number: IntArray
    who: IntArray
    at: FloatArray
    invoiced: FloatArray
    tenfold: IntArray
    explained: BoolArray


def orders(seed: int, block: int, a: Accounts, accounts: int) -> tuple[Orders, pa.Table]:
    """Return the orders of a block, and its order lines."""
    rng = stream(seed, block, "orders")
    who, day = order_days(rng, a)
    n = len(who)
    at, late = day + clock(rng, n), lateness(rng, n)
    value = order_value(a, who, day) * np.exp(rng.normal(0, ORDER_SPREAD, n))
    cancelled = rng.random(n) < CANCELLED
    tenfold, explained = _tenfold(rng, block, who, ~cancelled & (at + late < DAYS))
    times = np.ones(n)
    times[tenfold] = 10

    lines = np.minimum(1 + rng.poisson(1.0, n), len(_LINES))
    order = np.repeat(np.arange(n), lines)
    m, buyer = len(order), who[order]
    line = np.arange(m) - np.repeat(np.cumsum(lines) - lines, lines)
    share = rng.exponential(size=m)
    share /= np.bincount(order, share, n)[order]
    below = a.taste.cumsum(axis=1)[buyer] < rng.random(m)[:, None]
    category = np.minimum(below.sum(axis=1), len(CATEGORIES) - 1)
    listed = np.maximum(value[order] * share, 5.0) * times[order]
    net = np.round(listed * (1 - a.discount[buyer]), 2)
    cost = np.round(listed * (1 - MARGIN[category]) * rng.normal(1, 0.03, m), 2)
    quantity = np.maximum(np.round(listed / _UNIT_PRICE[category]), 1)
    custom = rng.random(m) < a.custom[buyer]

    back = np.flatnonzero(
        ~cancelled[order]
        & (times[order] == 1)
        & (rng.random(m) < 0.02 * np.exp(-0.5 * a.satisfaction[buyer]))
    )
    part = rng.choice([1.0, 0.5], len(back))
    back_at = at[order[back]] + rng.integers(3, 30, len(back))
    every = np.concatenate([np.arange(m), back])
    sign = np.concatenate([np.ones(m), -part])
    number = block * ORDER_NUMBERS + np.arange(n) + 1
    columns = {
        "order_id": pa.concat_arrays(
            [ids("S", number[order], 11), ids("R", number[order[back]], 11)]
        ),
        "line_id": pick(_LINES, line[every]),
        "occurred_at": np.concatenate([at[order], back_at]),
        "recorded_at": np.concatenate([(at + late)[order], back_at + lateness(rng, len(back))]),
        "net_amount": net[every] * sign,
        "discount": np.round((listed - net)[every] * sign, 2),
        "rebate": np.round((net * a.rebate[buyer])[every] * sign, 2),
        "cost": np.round(cost[every] * sign, 2),
        "quantity": np.round(quantity[every] * sign, 1),
        "category": pick(CATEGORIES, category[every]),
        "is_return": sign < 0,
        "is_cancelled": cancelled[order[every]],
        "is_custom": custom[every],
        "currency": pick(["CNY"], np.zeros(len(every), dtype=np.int64)),
    }
    billed = np.bincount(order, np.where(cancelled[order], 0, net), n)
    # The slip of the keys is in the order, not in the invoice.
    billed = np.where(np.isin(np.arange(n), tenfold[~explained]), billed / 10, billed)
    drawn = Orders(number, who, at, np.round(billed, 2), tenfold, explained)
    return drawn, table("orders", buyer[every], a.first, columns, accounts=accounts)


def _tenfold(
    rng: np.random.Generator, block: int, who: IntArray, known: BoolArray
) -> tuple[IntArray, BoolArray]:
    """Choose an order of one account in each group, and say which are explained."""
    habit = np.bincount(who[known], minlength=BLOCK) >= 8
    chosen, explained = [], []
    groups = BLOCK // TENFOLD_EVERY
    for group in range(groups):
        draw, place = rng.random(2)
        members = np.arange(group * TENFOLD_EVERY, (group + 1) * TENFOLD_EVERY)
        candidates = members[habit[members]]
        if len(candidates):
            account = candidates[int(draw * len(candidates))]
            own = np.flatnonzero(known & (who == account))
            chosen.append(own[int(place * len(own))])
            explained.append((block * groups + group) % EXPLAINED_EVERY == 0)
    return np.array(chosen, dtype=np.int64), np.array(explained, dtype=np.bool_)
