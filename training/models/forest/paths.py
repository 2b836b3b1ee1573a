"""What Shapley values of trees need beside the trees: who stands above whom on a path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray
from training.models.forest.text import BoolArray, IntArray, Trees


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Of ``s`` splits and ``t`` trees.

    Attributes
    ----------
    above
        ``(s,)`` the nearest split on the way to the root that asks the same input, as a position
        inside the tree; -1 where there is none.
    above_left
        ``(s,)`` whether the split lies to the left of it.
    entry_share
        ``(s,)`` product of the shares of all sides taken of the same input on the way here.
    inputs
        ``(t,)`` different inputs on the path of each tree that has most of them.
    """

    above: IntArray
    above_left: BoolArray
    entry_share: FloatArray
    inputs: IntArray


def paths_of(trees: Trees) -> Paths:
    """Return the paths, found for all trees at once, level by level from the roots."""
    count = len(trees.feature)
    owner = trees.owner
    start = trees.first[owner]
    splits = np.diff(trees.first)[owner]
    parent, from_left = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    for child, is_left in ((trees.left, True), (trees.right, False)):
        inner = np.flatnonzero(child < splits)
        parent[start[inner] + child[inner]] = inner
        from_left[start[inner] + child[inner]] = is_left

    above, above_left = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    at, side = parent.copy(), from_left.copy()
    looking = np.flatnonzero(at >= 0)
    while len(looking):
        found = trees.feature[at[looking]] == trees.feature[looking]
        hit, looking = looking[found], looking[~found]
        above[hit], above_left[hit] = at[hit], side[hit]
        side[looking] = from_left[at[looking]]
        at[looking] = parent[at[looking]]
        looking = looking[at[looking] >= 0]

    share = np.ones(count)
    inputs = np.zeros(len(trees.first) - 1, dtype=np.int64)
    met = np.zeros(count, dtype=np.int64)
    level: IntArray = np.flatnonzero(parent < 0)
    while len(level):
        again: IntArray = level[above[level] >= 0]
        upper = above[again]
        taken = np.where(above_left[again], trees.left_share[upper], trees.right_share[upper])
        share[again] = share[upper] * taken
        beyond = met[level] + (above[level] < 0)
        np.maximum.at(inputs, owner[level], beyond)
        children = []
        for child in (trees.left, trees.right):
            goes_on = child[level] < splits[level]
            below = (start[level] + child[level])[goes_on]
            met[below] = beyond[goes_on]
            children.append(below)
        level = np.concatenate(children)
    return Paths(np.where(above < 0, -1, above - start), above_left, share, inputs)
