"""Which tiers could be known at all: the simulated company's future, drawn again and again.

The oracle knows every planted truth of an account and how it fares on the day (an account loses
its intent to buy over the 150 days before it leaves, so one that still has all of it stays for
150 days more). It does not know when a sound account will leave, on which days orders fall, or
what they are worth. Slips of the keys, returns, and cancelled orders' effects beyond their share
are left out. No model can know more; the spread of the tiers it draws is irreducible.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from features.schema import FloatArray
from features.worlds import b2b
from features.worlds.company.accounts import DECLINE_DAYS, ORDER_SPREAD, Accounts, draw_accounts
from features.worlds.company.columns import customer_ids
from features.worlds.company.demand import CANCELLED
from features.worlds.company.seasons import SEASON, SHOCK, day_number
from features.worlds.company.streams import BLOCK
from tests.benchmarks.certified.bench_rows import IntArray, Judgement, Rows
from tiering.scores import Reference

KNOWABLE = 0.95
"""A tier can be known if it holds in so large a share of the drawn futures."""


@dataclass(frozen=True, slots=True, eq=False)
class Oracle:
    """Tiers of one origin as the truths would have them.

    Attributes
    ----------
    chance
        ``(n, t)`` share of the drawn futures in which the customer ends in each tier.
    """

    chance: FloatArray

    @property
    def tier(self) -> IntArray:
        """The true tier ``(n,)``: the most frequent one; of equals, the better."""
        return np.asarray(self.chance.argmax(axis=1), dtype=np.int64)

    @property
    def hold(self) -> FloatArray:
        """How often the true tier is the realised one, ``(n,)``, 0 to 1."""
        return np.asarray(self.chance.max(axis=1), dtype=np.float64)


def oracles(
    judged: Judgement, rows: Rows, *, futures: int = 400, seed: int = 1
) -> dict[str, Oracle]:
    """Return the oracle of each definition for one origin of the simulated company."""
    day: date = rows.day.astype("datetime64[D]").item()
    rng = np.random.default_rng([seed, day_number(day)])
    net = drawn_futures(day, judged.horizon_days, futures, rng)
    place = {name: row for row, name in enumerate(customer_ids(np.arange(len(net))).to_pylist())}
    net = net[[place[name] for name in rows.customer_id.tolist()]]
    view = rows.view
    tiers = view.tiers
    points = Reference.fit({"ltv": rows.net_value, "churn": rows.churned})
    # Exactly how hindsight grades: outcomes ranked among the outcomes of the origin.
    ltv = points.knots["ltv"].at(net)
    stay = 100.0 - points.knots["churn"].at((net == 0.0).astype(np.float64))
    score = view.settled[:, None] + rows.weight[:, :1] * ltv + rows.weight[:, 1:] * stay
    found = {"hindsight": (score[:, :, None] < view.cuts - 1e-9).sum(axis=2)}
    descending = np.sort(rows.net_value)[::-1]
    ends = np.cumsum(np.bincount(view.tier, minlength=tiers))[:-1]
    below = descending[ends[ends < len(descending)]]
    found["value"] = (net[:, :, None] <= below).sum(axis=2)
    return {
        name: Oracle(np.stack([(tier == k).mean(axis=1) for k in range(tiers)], axis=1))
        for name, tier in found.items()
    }


def drawn_futures(day: date, horizon: int, futures: int, rng: np.random.Generator) -> FloatArray:
    """Return the net value ``(accounts, futures)`` over the horizon after a day, drawn anew."""
    blocks = range(-(-b2b.ACCOUNTS // BLOCK))
    drawn = [_block(draw_accounts(b2b.SEED, each), day, horizon, futures, rng) for each in blocks]
    return np.concatenate(drawn)[: b2b.ACCOUNTS]


def _block(
    a: Accounts, day: date, horizon: int, futures: int, rng: np.random.Generator
) -> FloatArray:
    end = day_number(day) + 1.0
    days = day_number(day) + 1 + np.arange(horizon)
    half_grown = np.exp(a.growth[:, None] / 730 * (days - a.start[:, None]))
    rate = (1 - CANCELLED) * a.rate[:, None] * SEASON[days] * half_grown * half_grown
    rate[a.shocked] *= SHOCK[days]
    rate *= days >= a.start[:, None]
    mean_growth = (rate * half_grown).sum(axis=1) / np.maximum(rate.sum(axis=1), 1e-300)
    price = a.value * (1 - a.discount) * mean_growth
    sound = a.churn - end >= DECLINE_DAYS
    net = np.zeros((len(a.start), futures))
    for future in range(futures):
        # Without memory: a sound account's leaving is as far off as it ever was.
        wait = rng.exponential(size=len(a.start)) / a.hazard
        leave = np.maximum(end + DECLINE_DAYS, a.start + 60) + wait
        churn = np.where(sound, leave, a.churn)
        left = churn[:, None] - days
        intent = np.where(left > 0, np.clip(left / DECLINE_DAYS, 0.12, 1.0), 0.0)
        orders = rng.poisson((rate * intent).sum(axis=1))
        who = np.repeat(np.arange(len(orders)), orders)
        worth = price[who] * np.exp(rng.normal(0.0, ORDER_SPREAD, len(who)))
        net[:, future] = np.bincount(who, worth, len(orders))
    return net


def summed_up(
    judged: Judgement, tested: list[int], likely: dict[str, dict[int, IntArray]], futures: int
) -> dict[str, Any]:
    """Return, by definition, how often tiers were right where they could be known.

    Parameters
    ----------
    tested
        Positions of the test origins.
    likely
        By definition and origin the tier ``(n,)`` the model of confidence holds to be likeliest.
    """
    found: dict[str, Any] = {"origins": len(tested), "futures": futures, "knowable_from": KNOWABLE}
    known = {at: oracles(judged, judged.rows[at], futures=futures) for at in tested}
    for name in likely:
        true = np.concatenate([known[at][name].tier for at in tested])
        hold = np.concatenate([known[at][name].hold for at in tested])
        right = np.concatenate([judged.rows[at].right[name] for at in tested])
        scheme = np.concatenate([judged.rows[at].view.tier for at in tested])
        model = np.concatenate([likely[name][at] for at in tested])
        sure = hold >= KNOWABLE
        found[name] = {
            "n": len(true),
            "knowable": float(sure.mean()),
            "oracle_error": float((true != right).mean()),
            "oracle_error_expected": float(1.0 - hold.mean()),
            "oracle_error_knowable": float((true != right)[sure].mean()),
            **{
                f"{who}_{what}": float((tier == against)[rows].mean())
                for who, tier in (("scheme", scheme), ("model", model))
                for what, against, rows in (
                    ("accuracy", right, np.ones(len(true), dtype=np.bool_)),
                    ("accuracy_knowable", right, sure),
                    ("true_tier_knowable", true, sure),
                    ("true_tier", true, np.ones(len(true), dtype=np.bool_)),
                )
            },
            "within_one_knowable": float((np.abs(scheme - true) <= 1)[sure].mean()),
        }
    return found
