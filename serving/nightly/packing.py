"""Some graded customers, made ready for the store while they pass by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.schema import FloatArray
from serving.domain.evidence import EvidenceTable, indicators_of
from serving.domain.grade import Grade
from serving.explain import Explanations
from serving.store.loading import Row
from serving.store.numbers import floats
from serving.store.rows import evidence_rows, grade_rows

Packed = tuple[list[Row], list[Row]]
"""Rows of grades and of explanations."""


def packed(grades: Sequence[Grade], values: FloatArray, explanations: Explanations) -> Packed:
    """Return ``n`` grades and their explanations as rows to load.

    Parameters
    ----------
    values
        ``(n, k)`` of the bundle's columns, which are the first names of every grade's indicators;
        behind them come predictions that the scheme weighs.
    """
    more = list(grades[0].indicators)[values.shape[1] :]
    predicted = floats([[g.indicators[name] for name in more] for g in grades], len(more))
    ids = [grade.grade_id for grade in grades]
    return (
        grade_rows(grades, np.hstack([values, predicted])),
        evidence_rows(ids, evidence_table(explanations)),
    )


def evidence_table(explanations: Explanations) -> EvidenceTable:
    """Return the numbers of explanations that are kept."""
    names = dict(
        zip((e.weighed for e in explanations.layout), explanations.weighed.tolist(), strict=True)
    )
    places = list(names.values())
    return EvidenceTable(
        base=explanations.base,
        contributions=explanations.contributions,
        points=explanations.points[:, places],
        weights=explanations.weights[:, places],
        percentiles=np.column_stack(
            [_percentiles(explanations, name) for name in indicators_of(explanations.layout)]
        ),
    )


def _percentiles(explanations: Explanations, name: str) -> FloatArray:
    found = explanations.percentiles.get(name)
    if found is None:
        return np.full(len(explanations.base), np.nan)
    return np.round(found, 1)
