"""Contracts of the simulated company, renewed or not as the account is inclined (#25)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.worlds.company.accounts import Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.seasons import DAYS, lateness
from features.worlds.company.streams import BLOCK, stream

_NUMBERS = 10_000
_PERIODS = 5


def contracts(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the contracts of a block, in the order account, time.

    An account that stays for 90 days after the end renews in nine cases of ten (fewer where it
    is dissatisfied), one that leaves in those days in three, one that has left never.
    """
    rng = stream(seed, block, "contracts")
    bound = rng.random(BLOCK) < np.clip(0.25 + 0.1 * np.log(a.yearly / 20_000), 0.1, 0.9)
    account = np.flatnonzero(bound)
    term = rng.choice([365, 730], BLOCK, p=[0.75, 0.25])
    # Accounts from before the first day are somewhere in the middle of a contract.
    running = np.where(a.start > 0, -rng.uniform(1, 40, BLOCK), rng.uniform(0, 1, BLOCK) * term)
    signed = (a.start - running)[account]
    ends = signed + term[account]
    drawn = []
    for _ in range(_PERIODS):
        left = a.churn[account] - ends
        stay = 1 / (1 + np.exp(-2.4 - 0.7 * a.satisfaction[account]))
        chance = np.where(left > 90, stay, np.where(left > 0, 0.3, 0.0))
        renewed = rng.random(len(account)) < chance
        when = ends - rng.uniform(3, 50, len(account))
        alive = signed < np.minimum(a.churn[account], DAYS)
        shaken = 0.04 + 0.4 * a.distress(account, ends)
        fulfilled = rng.random(len(account)) > shaken
        drawn.append((account[alive], signed[alive], ends[alive],
                      np.where(renewed, when, np.nan)[alive], fulfilled[alive]))  # fmt: skip
        go_on = alive & renewed
        account, signed = account[go_on], when[go_on]
        ends = ends[go_on] + term[account]
    who, signed, ends, renewed_at, kept = (
        np.concatenate(part) for part in zip(*drawn, strict=True)
    )
    order = np.lexsort((signed, who))
    who, signed, ends = who[order], signed[order], ends[order]
    renewed_at, kept, n = renewed_at[order], kept[order], len(order)
    years = (ends - signed) / 365
    columns = {
        "contract_id": ids("K", block * _NUMBERS + np.arange(n) + 1, 9),
        "occurred_at": signed,
        "recorded_at": signed + lateness(rng, n),
        "ends_at": ends,
        "value": np.round(a.yearly[who] * years * rng.lognormal(0, 0.15, n), -2),
        "renewed_at": np.where(renewed_at < DAYS, renewed_at, np.nan),
        "is_fulfilled": pa.array(kept, mask=ends >= DAYS),
        "currency": pick(["CNY"], np.zeros(n, dtype=np.int64)),
    }
    return table("contracts", who, a.first, columns, accounts=accounts)
