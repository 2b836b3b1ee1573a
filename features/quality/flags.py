"""Which customers a person should look at, and why: pure functions over their facts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.quality.customers import YEAR, BoolArray, Customers
from features.quality.jumps import Jumps

FLAGS = ("challenged", "zombie", "unlisted", "incomplete")
"""An unexplained jump (#7), a valuable customer without a sign of life (#10), one with orders
but no customers row, and one with more than 30 % of its attributes missing (#6)."""

_TOLERATED_PERCENT = 30
_TOP_SHARE = 0.2


def flags(who: Customers, found: Jumps) -> Mapping[str, BoolArray]:
    """Return ``(n,)`` whether a customer carries it, of each flag."""
    raised = {
        "challenged": found.challenged,
        "zombie": zombies(who),
        "unlisted": ~who.listed,
        "incomplete": incomplete(who),
    }
    return {name: raised[name] for name in FLAGS}


def missing_counts(who: Customers) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many of the asked attributes each customer lacks, ``(n,)``."""
    lacking = np.zeros(len(who), dtype=np.int64)
    for known in who.has.values():
        lacking += ~known
    return lacking


def incomplete(who: Customers) -> BoolArray:
    """Tell who lacks more than 30 % of the asked attributes (#6); in whole numbers."""
    return np.asarray(100 * missing_counts(who) > _TOLERATED_PERCENT * len(who.has))


def zombies(who: Customers) -> BoolArray:
    """Tell who is among the top 20 % by all net spend and was not seen for 365 days (#10).

    Seen is who ordered, talked, complained or paid. Of equal spends the smaller id is first.
    """
    net = np.nan_to_num(who.number("net"), nan=-np.inf)
    order = np.argsort(-net, kind="stable")  # the customers are sorted by id
    ranked = np.zeros(len(who), dtype=np.bool_)
    ranked[order[: int(np.ceil(_TOP_SHARE * who.has["order"].sum()))]] = True
    return np.asarray(ranked & (net > 0) & (who.seen_age >= YEAR))
