"""The served model on parts of the customers, and how much it leans on history (#66).

A grade that only repeats past spend undervalues the young and the emerging. So figures are
told by tenure, by size and by industry, and the check names every part of which much less was
expected than came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.evaluation import metrics
from training.evaluation.figures import known_rows
from training.evaluation.judged import Forecast, Judged
from training.evaluation.resampling import ratio
from training.evaluation.rows import OURS, SliceRow
from training.evaluation.uncertainty import Draws, interval

TENURES = {"under_90_days": 90.0, "under_1_year": 365.0, "under_2_years": 730.0}
"""Classes of days since the first purchase by their upper end; the rest is ``longer``."""

SIZES = {"lower_half": 0.5, "upper_half": 0.8, "top_fifth": 0.95}
"""Classes of rank by the last year's spend inside an origin; the rest is ``top_twentieth``."""

MAX_INDUSTRIES = 12
"""Industries with a part of their own, the largest ones; the rest is ``other``."""

UNDERVALUED = 0.10
"""Share of the realised value that a part may be expected too little before it is named."""

MIN_ROWS = 30
"""Customer-origins below which a part is told, but not judged."""

_UNKNOWN = "unknown"


def slice_rows(
    pooled: Judged, seed: int, industries: Mapping[str, str] | None = None
) -> tuple[SliceRow, ...]:
    """Return the served model's figures by part, target and horizon.

    Parameters
    ----------
    pooled
        The rows of all origins.
    seed
        Seed of the bootstrap behind the intervals.
    industries
        Customer to industry; who is missing is ``unknown``. None or empty: not parted so.
    """
    parts = [*_by_tenure(pooled), *_by_size(pooled)]
    if industries:
        parts += _by_industry(pooled, industries)
    asked = [
        (by, part, forecast, inside)
        for by, part, rows in parts
        for forecast in pooled.forecasts
        if (inside := rows & known_rows(forecast, OURS)).any()
    ]
    columns = np.zeros((len(pooled), 3 * len(asked)))
    for place, (_, _, forecast, inside) in enumerate(asked):
        columns[inside, 3 * place] = forecast.by_model[OURS][inside]
        columns[inside, 3 * place + 1] = forecast.actual[inside]
        columns[inside, 3 * place + 2] = 1.0
    totals = Draws.of(pooled.customer_id, seed).totals(columns)
    found = [
        _row(pooled, by, part, forecast, inside, totals[:, 3 * place : 3 * place + 3])
        for place, (by, part, forecast, inside) in enumerate(asked)
    ]
    found += [
        SliceRow(by, part, "tier", 0, int(rows.sum()), _tiers(pooled, rows))
        for by, part, rows in parts
    ]
    return tuple(found)


def history_dependence(pooled: Judged, rows: Sequence[SliceRow]) -> Mapping[str, Any]:
    """Return how much grades and forecasts lean on past spend, and whom that undervalues.

    Returns
    -------
    mapping
        Rank correlations with the last year's spend of the score, the LTV forecast and the
        realised value; ``beyond_past_spend``: rank correlation of forecast and outcome among
        customers of equal past spend (partial), what is known beyond history;
        ``undervalued``: parts of tenure and industry whose LTV bias is below
        -:data:`UNDERVALUED` with all of its interval below 0; ``passed``: whether there is
        none of them and the forecast knows something beyond history.
    """
    forecast = pooled.main("ltv")
    known = known_rows(forecast, OURS)
    past = np.nan_to_num(pooled.past_spend[known])
    guess, actual = forecast.by_model[OURS][known], forecast.actual[known]
    on_guess, on_actual = metrics.spearman(past, guess), metrics.spearman(past, actual)
    beyond = _partial(metrics.spearman(guess, actual), on_guess, on_actual)
    undervalued = [
        {"by": row.by, "part": row.part, "n": row.n, "bias": row.metrics["bias"]}
        for row in rows
        if (row.by in ("tenure", "industry"), row.target, row.horizon_days)
        == (True, "ltv", forecast.horizon_days)
        and row.n >= MIN_ROWS
        and row.metrics["bias"] < -UNDERVALUED
        and "bias" in row.intervals
        and row.intervals["bias"][1] < 0.0
    ]
    return {
        "score_on_past_spend": metrics.spearman(past, pooled.score[known]),
        "forecast_on_past_spend": on_guess,
        "realised_on_past_spend": on_actual,
        "beyond_past_spend": beyond,
        "limit": UNDERVALUED,
        "undervalued": undervalued,
        "passed": not undervalued and beyond > 0.0,
    }


_Part = tuple[str, str, npt.NDArray[np.bool_]]


def _by_tenure(pooled: Judged) -> Iterator[_Part]:
    tenure = pooled.tenure_days
    label = np.full(len(tenure), "longer", dtype=object)
    for name, end in reversed(TENURES.items()):
        label[tenure < end] = name
    label[np.isnan(tenure)] = _UNKNOWN
    return _parts("tenure", label, (*TENURES, "longer", _UNKNOWN))


def _by_size(pooled: Judged) -> Iterator[_Part]:
    label = np.full(len(pooled), "top_twentieth", dtype=object)
    spend = np.nan_to_num(pooled.past_spend)
    for day in np.unique(pooled.day):
        here = np.flatnonzero(pooled.day == day)
        order = np.argsort(spend[here], kind="stable")
        for name, end in reversed(SIZES.items()):
            label[here[order[: round(end * len(here))]]] = name
    return _parts("size", label, (*SIZES, "top_twentieth"))


def _by_industry(pooled: Judged, industries: Mapping[str, str]) -> Iterator[_Part]:
    label = np.array(
        [industries.get(c) or _UNKNOWN for c in pooled.customer_id.tolist()], dtype=object
    )
    names, counts = np.unique(label.astype(str), return_counts=True)
    ranked = [str(names[i]) for i in np.argsort(-counts, kind="stable") if names[i] != _UNKNOWN]
    kept = ranked[:MAX_INDUSTRIES]
    label[~np.isin(label.astype(str), [*kept, _UNKNOWN])] = "other"
    return _parts("industry", label, (*kept, *({"other"} - {*kept}), _UNKNOWN))


def _parts(by: str, label: npt.NDArray[Any], names: Sequence[str]) -> Iterator[_Part]:
    for name in names:
        rows = np.asarray(label == name, dtype=np.bool_)
        if rows.any():
            yield by, name, rows


def _row(
    pooled: Judged,
    by: str,
    part: str,
    forecast: Forecast,
    rows: npt.NDArray[np.bool_],
    totals: FloatArray,
) -> SliceRow:
    actual, guess = forecast.actual[rows], forecast.by_model[OURS][rows]
    expected, came, size = totals.T
    if forecast.target == "churn":
        figures = {
            "auc": _auc_within(pooled.day[rows], actual, guess),
            "brier": metrics.brier(actual, guess),
            "observed": float(actual.mean()),
            "bias": metrics.probability_bias(actual, guess),
        }
        drawn = ratio(expected - came, size)
    else:
        figures = {
            "mae": metrics.mae(actual, guess),
            "spearman": metrics.spearman(actual, guess),
            "observed": float(actual.mean()),
            "bias": metrics.relative_bias(actual, guess),
        }
        drawn = ratio(expected, came) - 1.0
    bounds = interval(drawn)
    return SliceRow(
        by,
        part,
        forecast.target,
        forecast.horizon_days,
        len(actual),
        figures,
        {} if math.isnan(bounds[0]) else {"bias": bounds},
    )


def _auc_within(
    day: npt.NDArray[np.datetime64], label: FloatArray, probability: FloatArray
) -> float:
    found = []
    for each in np.unique(day):
        here = day == each
        found.append((int(here.sum()), metrics.auc(label[here], probability[here])))
    known = [(n, value) for n, value in found if not math.isnan(value)]
    size = sum(n for n, _ in known)
    return sum(n * value for n, value in known) / size if size else math.nan


def _tiers(pooled: Judged, rows: npt.NDArray[np.bool_]) -> dict[str, float]:
    given, right = pooled.tier[rows], pooled.hindsight[rows]
    return {
        "accuracy": float((given == right).mean()),
        "within_one": float((np.abs(given - right) <= 1).mean()),
        "too_high": float((given < right).mean()),
        "too_low": float((given > right).mean()),
        "value_accuracy": float((given == pooled.value_tier[rows]).mean()),
    }


def _partial(xy: float, xz: float, yz: float) -> float:
    spread = math.sqrt(max(0.0, (1 - xz**2) * (1 - yz**2)))
    return (xy - xz * yz) / spread if spread > 0 else math.nan
