"""Invoices of the simulated company: when they are issued, due and paid."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.worlds.company.accounts import Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.orders import Orders
from features.worlds.company.seasons import DAYS, clock, lateness
from features.worlds.company.streams import stream

LATE_PAYER_DELAY = 18
"""Days that a late payer takes on top of what its payment quality costs."""


def invoices(seed: int, block: int, a: Accounts, ordered: Orders, accounts: int) -> pa.Table:
    """Return the invoices of a block, one for each order that was not cancelled."""
    rng = stream(seed, block, "invoices")
    terms_of = rng.choice([30, 60, 90], len(a.start), p=[0.5, 0.35, 0.15])
    billed = np.flatnonzero(ordered.invoiced > 0)
    who, n = ordered.who[billed], len(billed)
    issued = np.floor(ordered.at[billed]) + rng.integers(1, 6, n) + clock(rng, n)
    terms = terms_of[who]
    distress = a.distress(who, issued + terms)
    late = -4 - 6 * a.payment[who] + rng.gumbel(0, 7, n) + 35 * distress
    late += LATE_PAYER_DELAY * a.late_payer[who]
    paid = np.maximum(issued + terms + late, issued + 1 + rng.random(n))
    never = rng.random(n) < 0.004 * np.exp(-a.payment[who]) + 0.08 * distress
    columns = {
        "invoice_id": ids("I", ordered.number[billed], 11),
        "occurred_at": issued,
        "recorded_at": issued + lateness(rng, n),
        "due_at": issued + terms,
        "paid_at": np.where(never | (paid >= DAYS), np.nan, paid),
        "amount": ordered.invoiced[billed],
        "is_disputed": rng.random(n) < 0.012 * np.exp(-0.6 * a.satisfaction[who]),
        "currency": pick(["CNY"], np.zeros(n, dtype=np.int64)),
    }
    return table("invoices", who, a.first, columns, accounts=accounts)
