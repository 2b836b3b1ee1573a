"""How often each indicator of the scheme misjudges, and the weight that follows (#65).

The documents' rule: an indicator whose misjudgment exceeds 10 % has its weight adjusted. Here
an indicator speaks when its points (percentiles of the reference population) are in the upper
or lower third, and it is wrong when the outcome says the opposite: points in the upper third
of a customer whose realised value tier is the lowest, or points in the lower third of one in
the better half of the tiers. The outcome is the tier by realised net value alone: the
hindsight tier holds the indicator itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.policy import Scheme
from tiering.weights.propose import adjusted
from training.evaluation.judged import Judged
from training.evaluation.uncertainty import Draws, interval

LIMIT = 0.10
"""Share of customers misjudged beyond which a weight is proposed."""

_UPPER, _LOWER = 200.0 / 3.0, 100.0 / 3.0


def misjudgment(pooled: Judged, scheme: Scheme, seed: int) -> tuple[Mapping[str, Any], ...]:
    """Return one row for each indicator, in the scheme's order.

    Returns
    -------
    tuple of mapping
        ``indicator``, ``dimension``, ``weight`` (inside the dimension), ``n`` (customer-origins
        where it is known), ``too_high`` and ``too_low`` (shares misjudged), ``misjudged`` (both)
        with ``low`` and ``high`` of its 95 % interval, ``by_chance`` (what an indicator that
        knows nothing would misjudge with as many high and low points), ``over_limit``, and
        ``proposed_weight``. An indicator that nobody has keeps its weight, and None elsewhere.
    """
    tiers = len(scheme.tiers)
    lowest, better = pooled.value_tier == tiers - 1, pooled.value_tier < tiers // 2
    known = ~np.isnan(pooled.points)
    with np.errstate(invalid="ignore"):
        high, low = pooled.points >= _UPPER, pooled.points <= _LOWER
    wrong_high, wrong_low = high & lowest[:, None], low & better[:, None]
    drawn = _drawn(pooled, wrong_high | wrong_low, known, seed)
    found: list[dict[str, Any]] = []
    column = 0
    for dimension in scheme.dimensions:
        rows = []
        for indicator in dimension.indicators:
            k, column = column, column + 1
            here = known[:, k]
            n = int(here.sum())
            row: dict[str, Any] = {
                "indicator": indicator.name,
                "dimension": dimension.id,
                "weight": float(indicator.weight),
                "n": n,
                **dict.fromkeys(("too_high", "too_low", "misjudged", "low", "high", "by_chance")),
                "over_limit": False,
                "proposed_weight": float(indicator.weight),
            }
            if n:
                too_high, too_low = wrong_high[:, k].sum() / n, wrong_low[:, k].sum() / n
                bounds = interval(drawn[:, k])
                row |= {
                    "too_high": float(too_high),
                    "too_low": float(too_low),
                    "misjudged": float(too_high + too_low),
                    "low": bounds[0],
                    "high": bounds[1],
                    "by_chance": float(
                        high[here, k].mean() * lowest[here].mean()
                        + low[here, k].mean() * better[here].mean()
                    ),
                    "over_limit": bool(too_high + too_low > LIMIT),
                }
            rows.append(row)
        found += _proposed(rows)
    return tuple(found)


def _drawn(
    pooled: Judged, wrong: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], seed: int
) -> FloatArray:
    """Return the share misjudged of every indicator in every draw, ``(r, k)``."""
    columns = np.column_stack([wrong, known]).astype(np.float64)
    totals = Draws.of(pooled.customer_id, seed).totals(columns)
    bad, size = np.split(totals, 2, axis=1)
    share: FloatArray = np.divide(bad, size, out=np.full(size.shape, np.nan), where=size > 0)
    return share


def _proposed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shrink weights in the proportion by which they exceed the limit; the others take it up.

    Weights of a dimension go on summing to 1, and what nobody has keeps its own.
    """
    measured = [row for row in rows if row["n"]]
    proposed = adjusted(
        [row["weight"] for row in measured], [row["misjudged"] for row in measured], LIMIT
    )
    for row, weight in zip(measured, proposed, strict=True):
        row["proposed_weight"] = weight
    return rows
