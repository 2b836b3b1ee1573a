"""Interactions of the simulated company: downloads run ahead of the intent to buy (#27)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.worlds.company.accounts import DOWNLOAD_LEAD, Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.seasons import DAYS, WORKDAY, clock, lateness
from features.worlds.company.streams import arrivals, stream

KINDS = ("call", "visit", "mail", "meeting", "login", "download", "enquiry")
_A_YEAR = np.array([2.0, 0.8, 3.0, 0.6, 2.0, 2.0, 0.8])
_PER_ORDER = np.array([0.08, 0.02, 0.10, 0.01, 0.30, 0.40, 0.06])
_BY_THE_CUSTOMER = np.array([0.3, 0.0, 0.25, 0.3, 1.0, 1.0, 1.0])
_FOLLOWS_INTENT = np.array([False, False, False, True, True, True, True])
_LEAD = np.where(np.array(KINDS) == "download", DOWNLOAD_LEAD, 0)
_NUMBERS = 1_000_000


def interactions(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the interactions of a block.

    Logins, meetings and enquiries follow the intent to buy of the day, downloads the intent
    of :data:`~features.worlds.company.accounts.DOWNLOAD_LEAD` days later; calls, visits and
    mails go on until the account has left.
    """
    rng = stream(seed, block, "interactions")
    sought = np.exp(0.5 * a.engaged)[:, None]
    per_day = (_A_YEAR + _PER_ORDER * 365 * a.rate[:, None]) * sought / 365
    last = np.minimum(np.where(_FOLLOWS_INTENT, a.churn[:, None], a.churn[:, None] + 40), DAYS)
    first = np.broadcast_to(a.start[:, None], last.shape)
    cell, day = arrivals(rng, per_day.ravel() * WORKDAY.max(), first.ravel(), last.ravel())
    who, kind = np.divmod(cell, len(KINDS))
    chance = WORKDAY[day] / WORKDAY.max()
    chance *= np.where(_FOLLOWS_INTENT[kind], a.intent(who, day + _LEAD[kind]), 1)
    kept = rng.random(len(who)) < chance
    who, kind, day = who[kept], kind[kept], day[kept]
    n = len(who)
    at = day + clock(rng, n)
    columns = {
        "interaction_id": ids("A", block * _NUMBERS + np.arange(n) + 1, 11),
        "occurred_at": at,
        "recorded_at": at + lateness(rng, n),
        "kind": pick(KINDS, kind),
        "is_inbound": rng.random(n) < _BY_THE_CUSTOMER[kind],
    }
    return table("interactions", who, a.first, columns, accounts=accounts)
