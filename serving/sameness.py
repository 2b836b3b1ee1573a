"""Grades that were stored beside the same made again: every number that is not the same bits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serving.domain.evidence import Evidence
from serving.domain.grade import Grade
from serving.scoring import Graded

Stored = tuple[Grade, Evidence]


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of one grade that came out otherwise."""

    grade_id: str
    customer_id: str
    field: str
    stored: object
    replayed: object


def compared(stored: Sequence[Stored], again: Graded) -> Iterator[Difference]:
    """Yield what differs, field by field."""
    pairs = zip(stored, again.grades, again.explanations.evidence(), strict=True)
    for (was, evidence), now, made in pairs:
        for field, old, new in (
            *_numbers(was, now),
            *(
                (f"explanation.{name}", getattr(evidence, name), getattr(made, name))
                for name in ("base", "contributions", "points", "weights")
            ),
        ):
            if not _same(old, new):
                yield Difference(was.grade_id, was.customer_id, field, old, new)


_FIELDS = (
    *("score", "margin_up", "margin_down", "churn_probability", "ltv", "ltv_lower", "ltv_upper"),
    *("referred", "reasons", "stages", "confidence", "segment", "dimension_scores", "tenure"),
)


def _numbers(was: Grade, now: Grade) -> Iterator[tuple[str, object, object]]:
    yield "tier", was.tier.id, now.tier.id
    for name in sorted({*was.indicators, *now.indicators}):
        yield f"indicators.{name}", was.indicators.get(name), now.indicators.get(name)
    for field in _FIELDS:
        yield field, getattr(was, field), getattr(now, field)


def _same(old: object, new: object) -> bool:
    """Tell whether two values are equal to the last bit; NaN is equal to NaN."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return np.float64(old).tobytes() == np.float64(new).tobytes() or (
            math.isnan(old) and math.isnan(new)
        )
    return old == new
