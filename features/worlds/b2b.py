"""A simulated B2B supplier: orders, invoices, tickets and accounts over 36 months.

Every row is drawn from a seeded generator and labelled simulated. The truths planted:

* accounts differ in purchase rate (gamma), size (lognormal, heavy tail), satisfaction and
  payment quality, and the last two go together;
* the lower the satisfaction, the higher the hazard of churn; in the months before it
  orders get rarer, complaints more, and payments later;
* orders follow the season, the week, the Chinese New Year and a growth rate of each account;
* a few records are learned of late (``recorded_at`` after ``occurred_at``).

What an extract at the last day cannot know is not in it: payments, resolutions and
records of later days are missing.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from ibis.backends import BaseBackend

from features.schema import FloatArray
from features.worlds.b2b_accounts import (
    DAYS,
    FIRST_DAY,
    Accounts,
    IntArray,
    draw_accounts,
    order_days,
)
from features.worlds.world import WorldTables

TERMS = (
    "Simulated by Tierwise from a seed: no real company, customer or payment. Fit to try "
    "the product, not evidence of how well it predicts."
)

_CATEGORIES = np.array(
    [
        *("bearings", "belts", "cables", "fasteners", "filters", "hydraulics", "lubricants"),
        *("motors", "pneumatics", "pumps", "seals", "sensors", "tools", "valves"),
    ]
)
_MARGIN = np.linspace(0.16, 0.42, len(_CATEGORIES))
_UNIT_PRICE = np.geomspace(8.0, 1_900.0, len(_CATEGORIES))
_INDUSTRIES = np.array(["automotive", "chemicals", "electronics", "food", "machinery", "textiles"])
_REGIONS = np.array(["华东", "华南", "华北", "西南", "华中"])
_SIZES = np.array(["small", "medium", "large"])
_SECONDS = 86_400


def tables(
    connection: BaseBackend, *, seed: int = 20261031, n_accounts: int = 2_000
) -> WorldTables:
    """Simulate the company.

    Parameters
    ----------
    connection
        Not needed to simulate; all worlds take it.
    seed
        The same seed gives the same tables.
    n_accounts
        Number of accounts; about 50 order lines each.
    """
    rng = np.random.default_rng(seed)
    accounts = draw_accounts(rng, n_accounts)
    who, day = order_days(rng, accounts)
    order_value, orders = _orders(rng, accounts, who, day)
    drawn = {
        "customers": _customers(rng, accounts),
        "orders": orders,
        "invoices": _invoices(rng, accounts, who, day, order_value),
        "tickets": _tickets(rng, accounts),
    }
    return WorldTables(
        tables={name: _table(columns) for name, columns in drawn.items()},
        currency="CNY",
        simulated=True,
        terms=TERMS,
        title_en="Industrial supplier (simulated)",
        title_zh="工业品供应商（模拟数据）",
    )


def _orders(
    rng: np.random.Generator, a: Accounts, who: IntArray, day: IntArray
) -> tuple[FloatArray, dict[str, object]]:
    """Return the invoiced value of each order ``(orders,)``, and the order lines."""
    n = len(who)
    value = a.value[who] * np.exp(
        rng.normal(0, 0.55, n) + a.growth[who] * (day - a.start[who]) / 730
    )
    lines = 1 + rng.poisson(1.0, n)
    order = np.repeat(np.arange(n), lines)
    buyer, at = who[order], day[order] + _clock(rng, n)[order]
    line = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines) + 1
    share = rng.exponential(size=len(order))
    share /= np.bincount(order, share)[order]

    below = a.taste.cumsum(axis=1)[buyer] < rng.random(len(order))[:, None]
    category = np.minimum(below.sum(axis=1), len(_CATEGORIES) - 1)
    listed = np.maximum(value[order] * share, 5.0)
    cheaper = np.clip(
        0.02 * np.log(a.value[buyer] / 500) + rng.normal(0, 0.025, len(order)), 0, 0.3
    )
    net = np.round(listed * (1 - cheaper), 2)
    cost = np.round(listed * (1 - _MARGIN[category]) * rng.normal(1, 0.03, len(order)), 2)
    quantity = np.maximum(np.round(listed / _UNIT_PRICE[category]), 1)
    cancelled = (rng.random(n) < 0.01)[order]

    unhappy = np.exp(-0.5 * a.satisfaction[buyer])
    back = np.flatnonzero(~cancelled & (rng.random(len(order)) < 0.015 * unhappy))
    back_at = at[back] + rng.integers(3, 30, len(back))
    part = rng.choice([1.0, 0.5], len(back))
    every = np.concatenate([np.arange(len(order)), back])
    sign = np.concatenate([np.ones(len(order)), -part])
    returned = sign < 0
    when = np.concatenate([at, back_at])
    known = np.concatenate([at + _lateness(rng, n)[order], back_at + _lateness(rng, len(back))])
    columns: dict[str, object] = {
        "order_id": np.where(returned, _ids("R", order[every]), _ids("S", order[every])),
        "line_id": line[every].astype(str),
        "customer_id": _ids("C", buyer[every], 5),
        "occurred_at": when,
        "recorded_at": known,
        "net_amount": np.round(net[every] * sign, 2),
        "discount": np.round((listed - net)[every] * sign, 2),
        "cost": np.round(cost[every] * sign, 2),
        "quantity": np.round(quantity[every] * sign, 1),
        "category": _CATEGORIES[category[every]],
        "is_return": returned,
        "is_cancelled": cancelled[every],
    }
    invoiced = np.bincount(order, np.where(cancelled, 0.0, net), n).astype(np.float64)
    return np.round(invoiced, 2), _known(columns)


def _invoices(
    rng: np.random.Generator, a: Accounts, who: IntArray, day: IntArray, value: FloatArray
) -> dict[str, object]:
    billed = np.flatnonzero(value > 0)
    who, n = who[billed], len(billed)
    issued = day[billed] + rng.integers(1, 6, n) + _clock(rng, n)
    terms = rng.choice([30, 60, 90], len(a.start), p=[0.5, 0.35, 0.15])[who]
    distress = a.distress(who, issued + terms)
    late = -4 - 6 * a.payment[who] + rng.gumbel(0, 7, n) + 35 * distress
    paid = np.maximum(issued + terms + late, issued + 1 + rng.random(n))
    never = rng.random(n) < 0.004 * np.exp(-a.payment[who]) + 0.08 * distress
    paid = np.where(never | (paid >= DAYS), np.nan, paid)
    return _known(
        {
            "invoice_id": _ids("I", billed),
            "customer_id": _ids("C", who, 5),
            "occurred_at": issued,
            "recorded_at": issued + _lateness(rng, n),
            "due_at": issued + terms,
            "paid_at": paid,
            "amount": np.round(value[billed], 2),
            "is_disputed": rng.random(n) < 0.012 * np.exp(-0.6 * a.satisfaction[who]),
        }
    )


def _tickets(rng: np.random.Generator, a: Accounts) -> dict[str, object]:
    days = np.arange(DAYS)
    distress = a.distress(np.arange(len(a.start))[:, None], days)
    active = (days >= a.start[:, None]) & (days < a.churn[:, None] + 10)
    base = (0.9 + 24 * a.rate) / 365 * np.exp(-0.35 * a.satisfaction)
    who, day = np.nonzero(rng.poisson(base[:, None] * (1 + 3 * distress) * active))
    n, mood = len(who), a.satisfaction[who]
    trouble = a.distress(who, day)
    opened = day + _clock(rng, n)
    complaint = rng.random(n) < 1 / (1 + np.exp(1.3 + 0.7 * mood - 1.8 * trouble))
    responded = opened + rng.lognormal(-1.6 - 0.2 * mood, 0.8, n)
    resolved = responded + rng.lognormal(0.7 - 0.3 * mood + 0.5 * complaint, 0.8, n)
    opinion = 80 + 11 * mood - 14 * complaint - 1.2 * (resolved - opened) + rng.normal(0, 9, n)
    told = (rng.random(n) < 0.6) & (resolved < DAYS)
    return _known(
        {
            "ticket_id": _ids("T", np.arange(n)),
            "customer_id": _ids("C", who, 5),
            "occurred_at": opened,
            "recorded_at": opened + _lateness(rng, n),
            "first_response_at": np.where(responded < DAYS, responded, np.nan),
            "resolved_at": np.where(resolved < DAYS, resolved, np.nan),
            "severity": rng.choice(["low", "normal", "high"], n, p=[0.4, 0.45, 0.15]),
            "is_complaint": complaint,
            "csat": np.where(told, np.clip(np.round(opinion), 0, 100), np.nan),
        }
    )


def _customers(rng: np.random.Generator, a: Accounts) -> dict[str, object]:
    n = len(a.start)
    return {
        "customer_id": _ids("C", np.arange(n), 5),
        "created_at": a.start - rng.integers(1, 60, n) + _clock(rng, n),
        "name": np.char.add("模拟客户 ", np.char.zfill(np.arange(n).astype(str), 5)),
        "industry": rng.choice(_INDUSTRIES, n),
        "region": rng.choice(_REGIONS, n, p=[0.35, 0.25, 0.2, 0.1, 0.1]),
        "size": _SIZES[np.digitize(a.value, np.quantile(a.value, [0.6, 0.9]))],
        "owner": np.char.add("manager-", rng.integers(1, 25, n).astype(str)),
        "acquisition_cost": np.round(rng.lognormal(6.5, 0.6, n), 2),
    }


def _clock(rng: np.random.Generator, n: int) -> FloatArray:
    """Return times of day as parts of a day: nine to six in China, in UTC."""
    return rng.uniform(1, 10, n) / 24


def _lateness(rng: np.random.Generator, n: int) -> FloatArray:
    """Return days until a record is known: minutes as a rule, weeks for one in 300."""
    weeks = np.where(rng.random(n) < 1 / 300, rng.uniform(5, 45, n), 0)
    return rng.uniform(1, 20, n) / 1_440 + weeks


def _ids(prefix: str, number: IntArray, width: int = 7) -> npt.NDArray[np.str_]:
    return np.char.add(prefix, np.char.zfill((number + 1).astype(str), width))


def _known(columns: dict[str, object]) -> dict[str, object]:
    """Leave out the records that the last day had not seen."""
    seen = np.asarray(columns["recorded_at"]) < DAYS
    return {name: np.asarray(values)[seen] for name, values in columns.items()}


def _table(columns: dict[str, object]) -> ir.Table:
    """Turn day numbers into instants, and arrays into a table."""
    arrays = {}
    for name, values in columns.items():
        array = np.asarray(values)
        if name.endswith("_at"):
            unknown = np.isnan(array)
            seconds = np.round(np.where(unknown, 0, array) * _SECONDS).astype("timedelta64[s]")
            array = np.datetime64(FIRST_DAY, "s") + seconds
            arrays[name] = pa.array(array, mask=unknown)
        else:
            arrays[name] = pa.array(array, from_pandas=True)
    return ibis.memtable(pa.table(arrays))
