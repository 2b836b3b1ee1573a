"""An explanation as the bytes of its JSON, ``schemas.Explanation``.

It holds a hundred contributions that differ in five numbers from customer to customer; names,
labels and units are the same for all of a run. So these are written once, all numbers in one
call, and no model is made of any of it. That the bytes are those of the schema's models is held
by ``tests/serving/test_account_bytes.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from msgspec.json import encode

from features.schema import CATALOGUE, PREDICTIONS
from serving.domain.evidence import Evidence, Shape, shape_of, values_of
from serving.domain.grade import LANGS, Grade, Lang, LayoutEntry
from serving.reasons import Driver, Story, tell_evidence
from serving.wording import channel_of, label_of

_HUGE = re.compile(rb"e(?=[0-9])")


def explanation(
    graded: Grade,
    layout: tuple[LayoutEntry, ...],
    evidence: Evidence,
    lang: Lang | None = None,
) -> bytes:
    """Return why a grade came out as it did, in one language or in all.

    Contributions come by size, those of exactly 0 are left out.

    Parameters
    ----------
    layout, evidence
        Of this grade.
    """
    shape = shape_of(layout)
    langs = [each for each in LANGS if lang is None or each == lang]
    stories = tell_evidence(langs, graded, shape, evidence)
    head = encode(
        {
            "customer_id": graded.customer_id or None,
            "grade_id": graded.grade_id or None,
            "run_id": graded.basis.run_id,
            "as_of": graded.basis.as_of,
            "base": evidence.base,
            "score": graded.score,
        }
    )
    texts = encode({each: _told(story) for each, story in stories.items()})
    parts = [head[:-1], b',"contributions":[', *_contributions(graded, shape, evidence)]
    parts += (b'],"texts":', texts, b"}")
    return b"".join(parts)


def _contributions(graded: Grade, shape: Shape, evidence: Evidence) -> list[bytes]:
    """Return the contributions in pieces, to be joined once: they are forty thousand bytes."""
    parts, form = evidence.contributions, _form(shape)
    sizes = [abs(part) for part in parts]
    order = [place for place, size in enumerate(sizes) if size]
    order.sort(key=sizes.__getitem__, reverse=True)  # of one size they stay in their order
    values, weighed = values_of(graded, shape.indicators), shape.weighed
    points, weights = evidence.points, evidence.weights
    told = numbers_of(
        [
            *values,
            *evidence.percentiles,
            *[points[name] for name in weighed],
            *[weights[name] for name in weighed],
            *[parts[place] for place in order],
        ]
    )
    p, k = len(values), len(weighed)
    ranks, of_points, of_weights = told[p:], told[2 * p :], told[2 * p + k :]
    of_weight = [
        b',"points":%b,"weight":%b,"contribution":' % both
        for both in zip(of_points, of_weights[:k], strict=False)
    ]
    heads, units, value_at, weight_at = form.heads, form.units, shape.indicator_at, shape.weighed_at
    pieces: list[bytes] = []
    for place, part in zip(order, of_weights[k:], strict=True):
        at = value_at[place]
        pieces += (
            *(heads[place], told[at], units[at], ranks[at], of_weight[weight_at[place]], part),
            b"},",
        )
    if pieces:
        pieces[-1] = b"}"
    return pieces


@dataclass(frozen=True, slots=True)
class _Form:
    """What every explanation of a shape says alike.

    Attributes
    ----------
    heads
        ``(m,)`` of each entry, up to its value.
    units
        ``(p,)`` of each indicator, between its value and its percentile.
    """

    heads: tuple[bytes, ...]
    units: tuple[bytes, ...]


@lru_cache(maxsize=8)
def _form(shape: Shape) -> _Form:
    heads = []
    for entry in shape.layout:
        said = {
            "indicator": entry.indicator,
            "label": {lang: label_of(entry.indicator, lang) for lang in LANGS},
            "channel": entry.channel,
            "channel_label": {lang: channel_of(entry.channel, lang) for lang in LANGS},
            "dimension": entry.dimension,
        }
        heads.append(encode(said)[:-1] + b',"value":')
    units = []
    for name in shape.indicators:
        described = CATALOGUE.get(name) or PREDICTIONS.get(name)
        units.append(b',"unit":%b,"percentile":' % encode(described.unit if described else None))
    return _Form(tuple(heads), tuple(units))


def numbers_of(numbers: Sequence[float | None]) -> list[bytes]:
    """Return numbers as pydantic writes them."""
    if not numbers:
        return []
    told = encode(numbers)[1:-1]
    if b"e" in told:  # from 1e16 on it says e+16
        told = _HUGE.sub(b"e+", told)
    return told.split(b",")


def _told(story: Story) -> dict[str, Any]:
    return {
        "headline": story.headline,
        "base": story.base,
        "positive": [_driver(driver) for driver in story.positive],
        "negative": [_driver(driver) for driver in story.negative],
        "margin": story.margin,
        "forecast": story.forecast,
        "referral": story.referral,
    }


def _driver(driver: Driver) -> dict[str, Any]:
    return {"indicator": driver.indicator, "points": driver.points, "text": driver.text}
