"""Contact persons of the simulated company: buyers who leave ahead of churn (#21)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.worlds.company.accounts import Accounts
from features.worlds.company.columns import ids, pick, table
from features.worlds.company.seasons import DAYS, lateness
from features.worlds.company.streams import BLOCK, stream

ROLES = ("buyer", "engineer", "finance", "director")
"""Seats of an account; all have a buyer, and up to four are filled."""

TENURE = 1_500
"""Mean days that a contact person stays when nothing is planted."""

_GENERATIONS = 8
_NUMBERS = 100_000
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
_GIVEN = (*"伟芳娜敏静磊强洋艳勇军杰娟涛明超", "秀英", "志强", "建国", "晓燕")
_NAMES = [surname + given for surname in _SURNAMES for given in _GIVEN]


def contacts(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the contact persons of a block, in the order account, seat, time."""
    rng = stream(seed, block, "contacts")
    seats = np.minimum(1 + rng.poisson(0.7, BLOCK) + (a.yearly > 200_000), len(ROLES))
    who = np.repeat(np.arange(BLOCK), seats)
    seat = np.arange(len(who)) - np.repeat(np.cumsum(seats) - seats, seats)
    # A contact change is planted for the buyer's seat only.
    change = np.where(seat == 0, a.contact_change[who], np.nan)
    end = np.minimum(a.churn[who], DAYS)
    since = a.start[who] - rng.uniform(5, 900, len(who))
    rows = np.arange(len(who))
    drawn = []
    for _ in range(_GENERATIONS):
        # Nobody known has left before the account began.
        settled = np.maximum(since + 60, a.start[who[rows]] + 5)
        left = settled + rng.exponential(TENURE, len(rows))
        left = np.where((since < change[rows]) & (left > change[rows]), change[rows], left)
        drawn.append((rows, since, left))
        # A successor comes while there is one to deal with: before churn and the last day.
        next_since = left + rng.uniform(2, 25, len(rows))
        straddled = (left < change[rows]) & (next_since > change[rows])
        next_since = np.where(straddled, (left + change[rows]) / 2, next_since)
        followed = next_since < end[rows]
        rows, since = rows[followed], next_since[followed]
    row = np.concatenate([part[0] for part in drawn])
    begun = np.concatenate([part[1] for part in drawn])
    left = np.concatenate([part[2] for part in drawn])
    order = np.lexsort((begun, row))
    row, begun, left = row[order], begun[order], left[order]
    n, account = len(row), who[row]
    number = block * _NUMBERS + np.arange(n) + 1
    gone = (left < DAYS) & (left < a.churn[account])
    levels = 1 + np.log10(a.yearly / 10_000) + rng.normal(0, 0.7, BLOCK)
    levels = np.clip(np.round(levels), 1, 6)
    columns = {
        "contact_id": ids("P", number, 10),
        "occurred_at": begun,
        "recorded_at": begun + lateness(rng, n),
        "left_at": np.where(gone, left, np.nan),
        "name": pick(_NAMES, rng.integers(0, len(_NAMES), n)),
        "email": pa.array([f"p{own}@example.com" for own in number]),
        "role": pick(ROLES, seat[row]),
        "approval_levels": levels[account],
    }
    return table("contacts", account, a.first, columns, accounts=accounts)
