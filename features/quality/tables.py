"""One source table: counts, gaps, age and delays, in two queries a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pyarrow as pa

from features.contract import CONTRACT
from features.quality.report import Freshness
from features.quality.view import View

_LATE_DAYS = 7
_LEAST_LIMIT = 7.0
_USUAL_GAPS = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one table by what the snapshot makes of them, and the empty cells."""

    visible: int
    superseded: int
    later: int
    missing: Mapping[str, float]


def counts(view: View, name: str) -> Counts:
    """Count the rows and, in the given columns, the missing values of the visible ones."""
    rows, given = view.tables[name], view.given(name)
    empty = {f"missing_{column}": rows[column].isnull().sum() for column in given}
    found = view.rows(rows.aggregate(visible=rows.count(), **empty))[0]
    visible, total = found["visible"], view.sources.info.rows[name]
    superseded = _superseded(view, name)
    return Counts(
        visible=visible,
        superseded=superseded,
        later=total - superseded - visible,
        missing={c: (found[f"missing_{c}"] or 0) / max(visible, 1) for c in given},
    )


def freshness(view: View, name: str) -> Freshness:
    """Tell how old a table is by its own rhythm, and how late its rows are learned of.

    Both come from one fold: how many rows each day of event and each delay has.
    """
    rows, moment = view.tables[name], CONTRACT[name].event_time
    timed = rows.filter(rows[moment].notnull())
    fold = timed.select(day=timed[moment].date(), recorded=timed.recorded_at.date())
    fold = fold.mutate(delay=ibis.greatest(fold.recorded.delta(fold.day, unit="day"), 0))
    found = view.run(fold.group_by("day", "delay").aggregate(n=fold.count()))
    if not found.num_rows:
        return Freshness()
    days = sorted(set(found["day"].to_pylist()))
    gap = _usual_gap(days)
    late = "recorded_at" in view.given(name)
    delay, weight = _numbers(found, "delay"), _numbers(found, "n")
    return Freshness(
        first_day=days[0],
        last_day=days[-1],
        age=(view.snapshot.day - days[-1]).days,
        usual_gap=gap,
        limit=None if gap is None else max(_LEAST_LIMIT, _USUAL_GAPS * gap),
        delay_median=_quantile(delay, weight, 0.5) if late else None,
        delay_p95=_quantile(delay, weight, 0.95) if late else None,
        late_share=float(weight[delay > _LATE_DAYS].sum() / weight.sum()) if late else None,
    )


def _superseded(view: View, name: str) -> int:
    """Count the rows known at the snapshot that a later known version replaces."""
    if not view.sources.info.versioned.get(name, False):
        return 0
    rows = view.sources.tables[name]
    known = rows.recorded_at <= ibis.literal(view.snapshot.known_at, type="timestamp(6)")
    rows = rows.filter(known | rows.recorded_at.isnull())
    keys = rows.group_by(list(CONTRACT[name].key)).aggregate(n=rows.count())
    surplus = view.rows(keys.aggregate(n=keys.n.sum(), keys=keys.count()))[0]
    return int((surplus["n"] or 0) - surplus["keys"])


def _usual_gap(days: list[date]) -> float | None:
    gaps = np.diff([day.toordinal() for day in days])
    return float(np.median(gaps)) if len(gaps) else None


def _quantile(
    value: np.ndarray[tuple[int], np.dtype[np.int64]],
    weight: np.ndarray[tuple[int], np.dtype[np.int64]],
    level: float,
) -> int:
    """Return the smallest value that at least the share ``level`` of the weight reaches."""
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(weight[order]) >= level * weight.sum()
    return int(value[order][np.argmax(reached)])


def _numbers(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.int64)
