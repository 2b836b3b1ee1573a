"""The churn curve: risk over its horizons, drawn as lines between points.

Places across are percent of the drawing's width, so it fits any screen while its letters keep
their size; places down are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from serving.domain.outlook import ChurnWithin
from serving.web.formats import Writer

HEIGHT = 170
_TOP, _BOTTOM = 22.0, 136.0
_LEFT, _RIGHT = 14.0, 92.0
_NEAR = 13.0
"""Percent of the width below which the figures of two points would touch."""
_TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the curve; ``figure`` is empty where it would touch its neighbour's."""

    x: float
    y: float
    figure: str
    days: str
    graded: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across, with its share."""

    y: float
    share: str


@dataclass(frozen=True, slots=True)
class ChurnCurve:
    """The drawing; ``lines`` are from ``(x1, y1)`` to ``(x2, y2)``."""

    height: int
    left: float
    right: float
    bottom: float
    rules: tuple[Rule, ...]
    lines: tuple[tuple[float, float, float, float], ...]
    marks: tuple[Mark, ...]


def churn_curve(writer: Writer, churn: Sequence[ChurnWithin]) -> ChurnCurve:
    """Place risks (by horizon, ascending) below the least round share that holds them all."""
    most = max(each.probability for each in churn)
    top = next(share for share in _TOPS if most <= share or share == _TOPS[-1])
    last = churn[-1].horizon_days
    marks: list[Mark] = []
    told = -_NEAR
    for each in churn:
        x = round(_LEFT + (_RIGHT - _LEFT) * each.horizon_days / last, 2)
        far = x - told >= _NEAR
        told = x if far else told
        marks.append(
            Mark(
                x=x,
                y=_down(each.probability / top),
                figure=writer.percent(each.probability) if far else "",
                days=writer.plain(each.horizon_days) if far else "",
                graded=each.graded,
            )
        )
    decimals = 1 if top < 0.02 else 0
    return ChurnCurve(
        height=HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        bottom=_BOTTOM,
        rules=tuple(
            Rule(_down(share), writer.percent(share * top, decimals)) for share in (0.0, 0.5, 1.0)
        ),
        lines=tuple((a.x, a.y, b.x, b.y) for a, b in pairwise(marks)),
        marks=tuple(marks),
    )


def _down(share: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * share, 2)
