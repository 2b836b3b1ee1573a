"""The truth behind the simulated company, as tables: for tests of calibration and of causes.

Nothing here may reach an indicator or a model: it knows the future.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from features.schema import FloatArray
from features.worlds.company.accounts import (
    CATEGORIES,
    DECLINE_DAYS,
    DOWNLOAD_LEAD,
    REGIONS,
    Accounts,
    draw_accounts,
)
from features.worlds.company.columns import customer_ids, ids, pick
from features.worlds.company.demand import expectations
from features.worlds.company.orders import Orders
from features.worlds.company.seasons import (
    DAYS,
    FIRST_DAY,
    INDUSTRIES,
    SHOCK_DAY,
    IntArray,
    day_number,
)
from features.worlds.company.streams import BLOCK

HORIZONS = (90, 180)
"""Days ahead of the expectations in the table ``months``."""

TRUTHS = ("accounts", "months", "causes")
"""Names of the truth tables."""

CAUSES = (
    "download_drop", "intent_drop", "contact_left", "churn", "industry_shock", "late_payer",
    "second_entry", "tenfold_order", "tenfold_order_explained",
)  # fmt: skip


def month_ends() -> list[date]:
    """Return the last day of each month of the company."""
    days = [FIRST_DAY + timedelta(days=n) for n in range(DAYS)]
    return [day for day in days if (day + timedelta(days=1)).day == 1]


def account_truth(a: Accounts, accounts: int) -> pa.Table:
    """Return one row an account: its latent truths."""
    columns = {
        "customer_id": customer_ids(a.first + np.arange(BLOCK)),
        "company_id": ids("T", a.first + a.company + 1, 7),
        "start_day": _days(a.start),
        "churn_day": _days(a.churn),
        "churn_hazard_per_day": a.hazard,
        "purchase_rate_per_year": a.rate * 365,
        "growth_per_year": a.growth,
        "order_value": a.value,
        "expected_margin": a.margin,
        "discount_rate": a.discount,
        "rebate_rate": a.rebate,
        "custom_rate": a.custom,
        "satisfaction": a.satisfaction,
        "payment_quality": a.payment,
        "is_late_payer": a.late_payer,
        "service_need": a.demanding,
        "engagement": a.engaged,
        "inventiveness": a.inventive,
        "industry": pick(INDUSTRIES, a.industry),
        "region": pick(REGIONS, a.region),
        "main_category": pick(CATEGORIES, a.taste.argmax(axis=1)),
        "contact_change_day": _days(a.contact_change),
    }
    return pa.table(columns).slice(0, max(accounts - a.first, 0))


def month_truth(a: Accounts, accounts: int) -> pa.Table:
    """Return one row an account and end of month, from its start on: what may be expected.

    ``churn_probability_90d`` is the chance to leave for good in the next 90 days of an account
    that has not yet, by its hazard alone (null once it has left); the ``expected_*`` columns
    and ``silence_probability_90d``, the chance of no order in 90 days, know the day of churn.
    """
    ends = month_ends()
    at = np.array([day_number(day) for day in ends])
    who, month = np.nonzero((a.start[:, None] <= at) & _within(a, accounts)[:, None])
    # An end of month is the end of that day: the last moment a snapshot sees.
    end = at[month] + 1.0
    exposed = np.clip(end + 90 - np.maximum(end, a.start[who] + 60), 0, 90)
    alive = a.churn[who] >= end
    columns = {
        "customer_id": customer_ids(a.first + who),
        "as_of": pa.array(np.array(ends, dtype="datetime64[D]")[month]),
        "is_alive": alive,
        "intent": a.intent(who, end).astype(np.float32),
        "download_intent": a.intent(who, end + DOWNLOAD_LEAD).astype(np.float32),
        "churn_probability_90d": pa.array(
            (1 - np.exp(-a.hazard[who] * exposed)).astype(np.float32), mask=~alive
        ),
    }
    for horizon, (orders, net) in expectations(a, at, HORIZONS).items():
        columns[f"expected_orders_{horizon}d"] = orders[who, month].astype(np.float32)
        columns[f"expected_net_{horizon}d"] = net[who, month].astype(np.float32)
    columns["silence_probability_90d"] = np.exp(-columns["expected_orders_90d"])
    return pa.table(columns)


def truth_on(seed: int, accounts: int, days: Sequence[date], horizons: Sequence[int]) -> pa.Table:
    """Return one row an account and day, from the account's start on, as :func:`month_truth`.

    Parameters
    ----------
    seed, accounts
        Those of the company.
    days
        Snapshot days; the end of each day is meant.
    horizons
        Days ahead, at most :data:`~features.worlds.company.seasons.AHEAD`.

    Returns
    -------
    pa.Table
        ``customer_id``, ``as_of``, ``is_alive``, and for each horizon ``h``
        ``leave_probability_{h}d`` (by the hazard alone; of those who have left 1),
        ``silence_probability_{h}d`` and ``expected_net_{h}d``, which know the day of churn.
    """
    at = np.array([day_number(day) for day in days])
    parts = []
    for number in range(-(-accounts // BLOCK)):
        a = draw_accounts(seed, number)
        who, day = np.nonzero((a.start[:, None] <= at) & _within(a, accounts)[:, None])
        end = at[day] + 1.0
        alive = a.churn[who] >= end
        columns = {
            "customer_id": customer_ids(a.first + who),
            "as_of": pa.array(np.array(days, dtype="datetime64[D]")[day]),
            "is_alive": alive,
        }
        for horizon, (orders, net) in expectations(a, at, horizons).items():
            exposed = np.clip(end + horizon - np.maximum(end, a.start[who] + 60), 0, horizon)
            leaves = np.where(alive, 1 - np.exp(-a.hazard[who] * exposed), 1.0)
            columns[f"leave_probability_{horizon}d"] = leaves
            columns[f"silence_probability_{horizon}d"] = np.exp(-orders[who, day])
            columns[f"expected_net_{horizon}d"] = net[who, day]
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def causes(a: Accounts, ordered: Orders, accounts: int) -> pa.Table:
    """Return one row for each planted cause that falls into the company's days.

    ``reference`` is an order for a tenfold one, the first entry for a second entry of a company.
    """
    everyone, none = np.arange(BLOCK), np.full(BLOCK, "")
    first = np.asarray(customer_ids(a.first + a.company).to_pylist())
    shock = np.where(a.shocked, float(day_number(SHOCK_DAY)), np.nan)
    planted: list[tuple[str, IntArray, FloatArray, np.typing.NDArray[np.str_]]] = [
        ("download_drop", everyone, a.churn - DECLINE_DAYS - DOWNLOAD_LEAD, none),
        ("intent_drop", everyone, a.churn - DECLINE_DAYS, none),
        ("contact_left", everyone, a.contact_change, none),
        ("churn", everyone, a.churn, none),
        (
            "industry_shock",
            everyone,
            np.where(a.churn > shock, np.maximum(shock, a.start), np.nan),
            none,
        ),
        ("late_payer", everyone, np.where(a.late_payer, a.start, np.nan), none),
        ("second_entry", everyone, np.where(a.company != everyone, a.start, np.nan), first),
    ]
    for name, wanted in (("tenfold_order", False), ("tenfold_order_explained", True)):
        rows = ordered.tenfold[ordered.explained == wanted]
        number = np.asarray(ids("S", ordered.number[rows], 11).to_pylist(), dtype=np.str_)
        planted.append((name, ordered.who[rows], ordered.at[rows], number))
    who = np.concatenate([part[1] for part in planted])
    day = np.concatenate([part[2] for part in planted])
    kind = np.repeat(np.arange(len(planted)), [len(part[1]) for part in planted])
    reference = np.concatenate([part[3] for part in planted])
    within = (day < DAYS) & _within(a, accounts)[who]  # false for NaN
    kept = np.flatnonzero(within & (np.nan_to_num(day) >= a.start[who]))
    kept = kept[np.lexsort((kind[kept], day[kept], who[kept]))]
    return pa.table(
        {
            "customer_id": customer_ids(a.first + who[kept]),
            "cause": pick(CAUSES, kind[kept]),
            "day": _days(day[kept]),
            "reference": pa.array(reference[kept], mask=reference[kept] == ""),
        }
    )


def _within(a: Accounts, accounts: int) -> np.typing.NDArray[np.bool_]:
    within: np.typing.NDArray[np.bool_] = a.first + np.arange(BLOCK) < accounts
    return within


def _days(numbers: FloatArray) -> pa.Array:
    """Return day numbers as dates, null for NaN; none beyond the year 8800."""
    unknown = np.isnan(numbers)
    whole = np.floor(np.clip(np.where(unknown, 0, numbers), -2_500, 2_500_000)).astype(np.int64)
    dates = np.datetime64(FIRST_DAY, "D") + whole.astype("timedelta64[D]")
    return pa.array(dates, mask=unknown)
