"""When the accounts order, and what the truth expects of them from any day on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.schema import FloatArray
from features.worlds.company.accounts import ORDER_SPREAD, Accounts
from features.worlds.company.seasons import AHEAD, DAYS, SEASON, SHOCK, IntArray
from features.worlds.company.streams import arrivals

CANCELLED = 0.01
"""Share of orders cancelled."""


def order_days(rng: np.random.Generator, a: Accounts) -> tuple[IntArray, IntArray]:
    """Return account and day of each order, by account and day."""
    last = np.minimum(a.churn, DAYS)
    most = np.exp(np.maximum(a.growth * (last - a.start) / 365, 0))
    who, day = arrivals(rng, a.rate * most * SEASON[:DAYS].max(), a.start, last)
    grown = np.exp(a.growth[who] * (day - a.start[who]) / 365) / most[who]
    shock = np.where(a.shocked[who], SHOCK[day], 1)
    chance = SEASON[day] / SEASON[:DAYS].max() * grown * shock * a.intent(who, day)
    kept = rng.random(len(who)) < chance
    new = np.flatnonzero(a.start > 0)  # a new account starts with an order
    who = np.concatenate([who[kept], new])
    day = np.concatenate([day[kept], a.start[new].astype(np.int64)])
    order = np.argsort(who * DAYS + day, kind="stable")
    return who[order], day[order]


def order_value(a: Accounts, who: IntArray, day: IntArray) -> FloatArray:
    """Return the median list value of an order on a day."""
    grown: FloatArray = a.value[who] * np.exp(a.growth[who] * (day - a.start[who]) / 730)
    return grown


def expectations(
    a: Accounts, days: IntArray, horizons: Sequence[int]
) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Return what each account buys in the horizon after each day, as the truth expects it.

    Everything latent is taken as known, the day of churn included; orders that get cancelled
    are left out, and returns and tenfold orders are not thought of.

    Parameters
    ----------
    days
        ``(d,)`` days to look ahead from; each is over.
    horizons
        Lengths in days, at most :data:`~features.worlds.company.seasons.AHEAD`.

    Returns
    -------
    dict
        By horizon the expected number of orders and the expected net amount,
        ``(accounts, d)`` each.
    """
    assert 0 < min(horizons) <= max(horizons) <= AHEAD
    every = np.arange(DAYS + AHEAD)
    half_grown = np.exp(a.growth[:, None] / 730 * (every - a.start[:, None]))
    orders = (1 - CANCELLED) * a.rate[:, None] * SEASON * half_grown * half_grown
    orders *= a.intent(np.arange(len(a.start))[:, None], every)
    orders *= every >= a.start[:, None]
    orders[a.shocked] *= SHOCK
    mean = a.value * np.exp(ORDER_SPREAD**2 / 2) * (1 - a.discount)
    net = orders * half_grown * mean[:, None]
    orders, net = orders.cumsum(axis=1), net.cumsum(axis=1)
    return {
        ahead: (
            orders[:, days + ahead] - orders[:, days],
            net[:, days + ahead] - net[:, days],
        )
        for ahead in horizons
    }
