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
"""Share that a part may be expected too little, compared with all, before it is named."""

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
    whole = [("", "", f, known_rows(f, OURS)) for f in pooled.forecasts]
    columns = np.zeros((len(pooled), 3 * (len(whole) + len(asked))))
    for place, (_, _, forecast, inside) in enumerate((*whole, *asked)):
        columns[inside, 3 * place] = forecast.by_model[OURS][inside]
        columns[inside, 3 * place + 1] = forecast.actual[inside]
        columns[inside, 3 * place + 2] = 1.0
    totals = Draws.of(pooled.customer_id, seed).totals(columns)
    sums = [totals[:, 3 * k : 3 * k + 3] for k in range(len(whole) + len(asked))]
    of_all = {id(forecast): sums[k] for k, (_, _, forecast, _) in enumerate(whole)}
    found = [
        _row(pooled, by, part, forecast, inside, own, of_all[id(forecast)])
        for (by, part, forecast, inside), own in zip(asked, sums[len(whole) :], strict=True)
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
        ``undervalued``: parts of tenure and industry whose LTV bias beside that of all (a
        season that everybody missed neglects nobody) is below -:data:`UNDERVALUED` with all
        of its interval below 0; ``passed``: whether there is none of them and the forecast
        knows something beyond history.
    """
    forecast = pooled.main("ltv")
    known = known_rows(forecast, OURS)
    past = np.nan_to_num(pooled.past_spend[known])
    guess, actual = forecast.by_model[OURS][known], forecast.actual[known]
    on_guess, on_actual = metrics.spearman(past, guess), metrics.spearman(past, actual)
    beyond = _partial(metrics.spearman(guess, actual), on_guess, on_actual)
    undervalued = [
        {
            "by": row.by,
            "part": row.part,
            "n": row.n,
            "bias_beside_all": row.metrics["bias_beside_all"],
        }
        for row in rows
        if row.by in ("tenure", "industry")
        and (row.target, row.horizon_days) == ("ltv", forecast.horizon_days)
        and row.n >= MIN_ROWS
        and row.metrics["bias_beside_all"] < -UNDERVALUED
        and row.intervals.get("bias_beside_all", (0.0, 0.0))[1] < 0.0
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
    of_all: FloatArray,
) -> SliceRow:
    """Judge one part; the sums ``(r, 3)`` are of predicted, realised and rows in each draw."""
    actual, guess = forecast.actual[rows], forecast.by_model[OURS][rows]
    expected, came, size = totals.T
    if forecast.target == "churn":
        figures = {
            "auc": _auc_within(pooled.day[rows], actual, guess),
            "brier": metrics.brier(actual, guess),
            "observed": float(actual.mean()),
            "bias": metrics.probability_bias(actual, guess),
        }
        drawn = {"bias": ratio(expected - came, size)}
    else:
        figures = {
            "mae": metrics.mae(actual, guess),
            "spearman": metrics.spearman(actual, guess),
            "observed": float(actual.mean()),
            "bias": metrics.relative_bias(actual, guess),
            "bias_beside_all": _beside(forecast, metrics.relative_bias(actual, guess)),
        }
        level = ratio(expected, came)
        drawn = {"bias": level - 1.0, "bias_beside_all": level / _level(of_all) - 1.0}
    bounds = {name: interval(values) for name, values in drawn.items()}
    return SliceRow(
        by,
        part,
        forecast.target,
        forecast.horizon_days,
        len(actual),
        figures,
        {name: pair for name, pair in bounds.items() if not math.isnan(pair[0])},
    )


def _level(totals: FloatArray) -> FloatArray:
    """Return predicted over realised of all customers in each draw, ``(r,)``; NaN if undefined."""
    return ratio(totals[:, 0], totals[:, 1])


def _beside(forecast: Forecast, bias: float) -> float:
    """Return a part's bias once the error of level that all share is taken out."""
    rows = known_rows(forecast, OURS)
    level = 1.0 + metrics.relative_bias(forecast.actual[rows], forecast.by_model[OURS][rows])
    return (1.0 + bias) / level - 1.0 if level > 0 else math.nan


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
