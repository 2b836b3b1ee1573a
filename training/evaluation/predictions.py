"""One row for each customer and origin: what every model said, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.evaluation.judged import Judged, pool
from training.evaluation.rows import OURS


def prediction_table(parts: Sequence[Judged], tier_ids: Sequence[str]) -> pa.Table:
    """Return the judged rows as a table; NaN becomes null.

    Columns: ``customer_id``, ``origin``; for every target and horizon
    ``<target>_<h>d`` (what came) and ``<target>_<h>d__<model>`` for each model, with
    ``__lower_<level>`` and ``__upper_<level>`` where there is an interval; ``score``, ``tier``,
    ``hindsight_tier``, ``value_tier`` and ``referred``.

    Parameters
    ----------
    parts
        The judged rows of each origin.
    tier_ids
        ``(t,)`` ids of the tiers, best first.
    """
    rows = pool(parts)
    columns = {
        "customer_id": pa.array(rows.customer_id.tolist(), pa.string()),
        "origin": pa.array(rows.day.astype("datetime64[D]"), pa.date32()),
    }
    for forecast in rows.forecasts:
        name = f"{forecast.target}_{forecast.horizon_days}d"
        columns[name] = pa.array(forecast.actual, from_pandas=True)
        for model, predicted in forecast.by_model.items():
            columns[f"{name}__{model}"] = pa.array(predicted, from_pandas=True)
        for level, (low, high) in forecast.bounds.items():
            columns[f"{name}__{OURS}__lower_{100 * level:g}"] = pa.array(low, from_pandas=True)
            columns[f"{name}__{OURS}__upper_{100 * level:g}"] = pa.array(high, from_pandas=True)
    columns["score"] = pa.array(rows.score)
    for name, tier in (
        ("tier", rows.tier),
        ("hindsight_tier", rows.hindsight),
        ("value_tier", rows.value_tier),
    ):
        columns[name] = pa.array([tier_ids[index] for index in tier.tolist()], pa.string())
    columns["referred"] = pa.array(rows.referred)
    return pa.table(columns)


def write_predictions(parts: Sequence[Judged], tier_ids: Sequence[str], path: Path) -> None:
    """Write :func:`prediction_table` as Parquet; the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(prediction_table(parts, tier_ids), staging)
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
