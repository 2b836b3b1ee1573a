"""Tiers and segments by cells of a matrix: dimensions in levels (requirements #46, #48, #50)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from features.schema import FloatArray
from tiering.placement import IntArray, Placement
from tiering.policy import Axis, Segment, Segments, Tier

ANY = "*"


def cells_of(entry: Tier | Segment, axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    """Yield the level indices of the cells an entry claims, wildcards written out.

    Raises
    ------
    ValueError
        If a cell does not name a level of each axis.
    """
    for text in entry.cells or ():
        names = text.split()
        if len(names) != len(axes):
            raise ValueError(f"{text!r} names {len(names)} levels, there are {len(axes)} axes.")
        choices = []
        for name, axis in zip(names, axes, strict=True):
            ids = [level.id for level in axis.levels]
            if name != ANY and name not in ids:
                raise ValueError(
                    f"{text!r}: {axis.dimension} has no level {name!r}, but {', '.join(ids)}."
                )
            choices.append(range(len(ids)) if name == ANY else (ids.index(name),))
        yield from product(*choices)


def table_of(entries: Sequence[Tier | Segment], axes: Sequence[Axis]) -> IntArray:
    """Return the entry of each cell, ``(l_1, ..., l_a)``."""
    table = np.zeros([len(axis.levels) for axis in axes], dtype=np.intp)
    for index, entry in enumerate(entries):
        for cell in cells_of(entry, axes):
            table[cell] = index
    return table


def place_by_matrix(
    axes: Sequence[Axis], tiers: Sequence[Tier], dimension_score: Sequence[FloatArray]
) -> Placement:
    """Place customers by the cell their dimension scores fall into.

    A dimension without data stands on its lowest level; ``best`` tells what its highest would
    give. The distance to a cell is that of the axis that has farthest to go.

    Parameters
    ----------
    dimension_score
        ``(n,)`` scores of each axis, NaN where unknown.
    """
    table = table_of(tiers, axes)
    cuts = [np.array([level.cut for level in axis.levels]) for axis in axes]
    levels = [_level(c, s) for c, s in zip(cuts, dimension_score, strict=True)]
    tier = table[tuple(levels)]
    hopeful = [np.where(np.isnan(s), 0, at) for at, s in zip(levels, dimension_score, strict=True)]
    up, down = np.full(len(tier), np.nan), np.full(len(tier), np.nan)
    for cell, target in np.ndenumerate(table):
        away = np.zeros(len(tier))
        for at, bounds, score in zip(cell, cuts, dimension_score, strict=True):
            ceiling = bounds[at - 1] if at else np.inf
            away = np.maximum(away, np.maximum(bounds[at] - score, score - ceiling))
        up = np.where(target < tier, np.fmin(up, away), up)
        down = np.where(target > tier, np.fmin(down, away), down)
    return Placement(tier, table[tuple(hopeful)], up, down)


def segment_of(
    segments: Segments,
    dimensions: Sequence[str],
    dimension_score: FloatArray,
    tier: IntArray,
    tier_ids: Sequence[str],
) -> IntArray:
    """Return the index of each customer's segment, ``(n,)``; -1 where an axis has no data.

    Parameters
    ----------
    dimensions
        ``(d,)`` ids of the columns of ``dimension_score`` ``(n, d)``.
    tier
        ``(n,)`` index into ``tier_ids``.
    """
    levels = []
    unknown = np.zeros(len(tier), dtype=np.bool_)
    for axis in segments.axes:
        score = dimension_score[:, dimensions.index(axis.dimension)]
        unknown |= np.isnan(score)
        cuts = np.array(
            [
                [(level.cut_by_tier or {}).get(name, level.cut) for level in axis.levels]
                for name in tier_ids
            ]
        )
        levels.append(_level(cuts[tier], score))
    found = table_of(segments.classes, segments.axes)[tuple(levels)]
    return np.where(unknown, -1, found)


def _level(cuts: FloatArray, score: FloatArray) -> IntArray:
    """Return levels ``(n,)`` for cuts ``(l,)`` or ``(n, l)``; unknown is the last level."""
    with np.errstate(invalid="ignore"):
        below = ~(score[:, None] >= cuts)
    # The last cut is 0, which only an unknown score misses.
    level: IntArray = np.minimum(below.sum(axis=1), cuts.shape[-1] - 1)
    return level
