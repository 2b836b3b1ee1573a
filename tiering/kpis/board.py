"""The KPI board: targets against what snapshots show (requirements #107, #113 to #115).

A catalogue of KPIs is a TOML of ``tiering/kpis`` (``company.toml`` explains the format). The
board is a pure function of snapshots: the last is judged, the one before it is the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.schema import CATALOGUE, PREDICTIONS, FloatArray
from tiering.errors import PopulationError
from tiering.kpis.catalogue import Kpi, KpiCatalogue
from tiering.kpis.measures import (
    BEFORE,
    DERIVED,
    Measured,
    Occasion,
    columns,
    growth,
    net_promoters,
    ratio,
    share,
)
from tiering.population.association import Association, associate

Status = Literal["met", "near", "adjust", "too_few", "missing"]
STATUS_WORDS: Mapping[Status, tuple[str, str]] = {
    "met": ("met", "达标"),
    "near": ("missed, within tolerance", "未达标，偏差在容许范围内"),
    "adjust": ("missed, adjust the plan", "未达标，需启动调整"),
    "too_few": ("too few customers", "客户数不足"),
    "missing": ("data missing", "缺少数据"),
}
"""Status in words, English and Chinese."""


@dataclass(frozen=True, slots=True)
class KpiRow:
    """One KPI on the board.

    Attributes
    ----------
    actual
        The figure judged; of a ``change`` the level, not the change.
    baseline
        The same figure one snapshot earlier; None where no snapshot is there for it.
    reached
        What stands against the target: the level, or the change since the baseline.
    deviation
        ``(reached - target) / |target|``, signed so that below 0 is a shortfall.
    certain
        Whether the whole interval is on one side of the target; None where none is judged.
    missing
        Source tables (or ``grades``, ``predictions``, ``earlier_snapshot``) that are needed.
    """

    kpi: Kpi
    actual: Measured
    baseline: Measured | None
    reached: float
    deviation: float
    status: Status
    certain: bool | None
    missing: tuple[str, ...]


def board(
    catalogue: KpiCatalogue,
    occasions: Sequence[Occasion],
    given: Mapping[str, Measured] | None = None,
) -> tuple[KpiRow, ...]:
    """Judge every KPI of a catalogue, in its order.

    Parameters
    ----------
    occasions
        Snapshots from the earliest to the latest, at least one. The last is judged; a figure
        of the time between two snapshots takes the last two, and its baseline the two before.
    given
        Figures from outside the snapshots, by the id of a KPI of the measure ``given``.

    Raises
    ------
    PopulationError
        If there is no snapshot, or they are not in order.
    """
    if not occasions:
        raise PopulationError("A board needs at least one snapshot.")
    now = _table(occasions, len(occasions) - 1)
    before = _table(occasions, len(occasions) - 2) if len(occasions) > 1 else None
    return tuple(_row(catalogue, kpi, now, before, given or {}) for kpi in catalogue.kpis)


def trace(
    catalogue: KpiCatalogue, occasions: Sequence[Occasion], rows: Sequence[KpiRow]
) -> dict[str, tuple[Association, ...]]:
    """Trace each linked KPI that misses its target to its factors: KPI id to associations.

    The customers' relative growth is set beside what they met before it. Links of KPIs that
    are met, or cannot be judged, are left out.

    Parameters
    ----------
    rows
        The board of the same catalogue and snapshots.
    """
    missed = {row.kpi.id: row.kpi for row in rows if row.status in ("near", "adjust")}
    found = {}
    for link in catalogue.links:
        if link.kpi in missed:
            table = _table(occasions, len(occasions) - 1)
            value = missed[link.kpi].value
            before = table[f"{BEFORE}{value}"]
            with np.errstate(divide="ignore", invalid="ignore"):
                grown = np.where(before > 0, table[value] / before, np.nan)
            there = [name for name in link.factors if f"{BEFORE}{name}" in table]
            found[link.kpi] = associate(grown, {n: table[f"{BEFORE}{n}"] for n in there})
    return found


def _table(occasions: Sequence[Occasion], at: int) -> dict[str, FloatArray]:
    return columns(occasions[at], occasions[at - 1] if at else None)


def _row(
    catalogue: KpiCatalogue,
    kpi: Kpi,
    now: Mapping[str, FloatArray],
    before: Mapping[str, FloatArray] | None,
    given: Mapping[str, Measured],
) -> KpiRow:
    if kpi.measure == "given":
        actual = given.get(kpi.id, Measured(missing=kpi.tables))
        return _judge(catalogue, kpi, actual, None, kpi.tables if actual.missing else ())
    actual = _measure(kpi, now)
    baseline = _measure(kpi, before) if before is not None else None
    if baseline is not None and baseline.missing:
        baseline = None
    earlier = before is not None
    tables = dict.fromkeys(table for name in actual.missing for table in _tables(name, earlier))
    if kpi.kind == "change" and baseline is None:
        tables["earlier_snapshot"] = None
    return _judge(catalogue, kpi, actual, baseline, tuple(tables))


def _measure(kpi: Kpi, table: Mapping[str, FloatArray]) -> Measured:
    if kpi.measure == "share":
        found = share(table, kpi.among, kpi.of)
    elif kpi.measure == "growth":
        found = growth(table, kpi.among, kpi.value)
    elif kpi.measure == "net_promoters":
        found = net_promoters(table, kpi.among, kpi.value)
    else:  # a mean is a ratio to the customers
        found = ratio(table, kpi.among, kpi.of, kpi.value, kpi.per)
    return found.scaled(kpi.scale)


def _tables(column: str, earlier: bool) -> tuple[str, ...]:
    """Return what a column that is missing comes from."""
    name = column.removeprefix(BEFORE)
    if not earlier and (name != column or name in DERIVED[1:]):
        return ("earlier_snapshot",)
    if name in PREDICTIONS:
        return ("predictions",)
    if name in CATALOGUE:
        return tuple(dict.fromkeys(source.split(".")[0] for source in CATALOGUE[name].source))
    return ("orders",) if name == "ordered_between" else ("grades",)


def _judge(
    catalogue: KpiCatalogue,
    kpi: Kpi,
    actual: Measured,
    baseline: Measured | None,
    missing: tuple[str, ...],
) -> KpiRow:
    by = math.nan
    if kpi.kind == "change":
        by = baseline.value if baseline is not None else math.nan
        reached = (actual.value - by) / abs(by) if by else math.nan
    else:
        reached = actual.value
    way = 1.0 if kpi.good == "up" else -1.0
    deviation = way * (reached - kpi.target) / abs(kpi.target)
    if missing:
        status: Status = "missing"
    elif actual.n < catalogue.min_customers or math.isnan(deviation):
        status = "too_few"
    elif deviation >= 0:
        status = "met"
    else:
        status = "near" if deviation >= -catalogue.max_deviation else "adjust"
    judged = status in ("met", "near", "adjust")
    certain = _certain(kpi, actual, baseline) if judged else None
    return KpiRow(kpi, actual, baseline, reached, deviation, status, certain, missing)


def _certain(kpi: Kpi, actual: Measured, baseline: Measured | None) -> bool | None:
    low = high = kpi.target
    if kpi.kind == "change" and baseline is not None:
        # The level asked for is no surer than the baseline it starts from.
        ends = [end + kpi.target * abs(end) for end in (baseline.lower, baseline.upper)]
        low, high = min(ends), max(ends)
    if math.isnan(actual.lower) or math.isnan(low):
        return None
    return not (actual.lower < high and low < actual.upper)
