"""Predictions of a forest to LightGBM's bits, and its exact path-dependent Shapley values.

Take a leaf of value ``v`` on whose path ``d`` inputs are asked. Of input ``j``, let ``p_j`` be the
product of the shares of training rows that its splits on the path let through, and ``o_j`` be 1 if
the row passes all of them, else 0. In the game of TreeSHAP (Lundberg and others 2020) a coalition
``S`` earns at this leaf ``v`` times the product of ``o_j`` in ``S`` and ``p_j`` outside. The
Shapley value of such a game is an integral over the chance ``t`` of being in ``S`` (Owen 1972)::

    phi_i = v (o_i - p_i) * integral over t from 0 to 1 of prod_{j != i} (t o_j + (1 - t) p_j)

The integrand is a polynomial of degree ``d - 1``, so a Gauss-Legendre rule of ``d / 2`` points is
exact, and unlike TreeSHAP's own recursion it adds up positive terms only. All leaves are done at
once in two walks over a tree, with one number for each point (``s = 1 - t``):

* down, ``G``: the weight of the point times the factors on the way to a node. A split sends
  ``t + s p`` where the row goes and ``s p`` to the other side.
* up, ``U``: the mean leaf value below a node under the same factors.

Where a split asks input ``i``, all leaves below together add ``p' G (U_here - U_there)`` to
``phi_i``, ``p'`` being the share of the side not taken. If a split above has asked the same input
already and the row followed it, that split's factor is divided out, ``1 / (t + s p)``: ``G`` of
it twice, as the second ask takes over from the first. If the row did not follow, ``o_i`` stays 0
and the split adds nothing. The sums over points are taken at the end. It takes a number of steps
proportional to the splits, not to the leaves times their squared depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.blocks import in_blocks
from tiering.compiled import available
from training.models.forest.legendre import rule
from training.models.forest.paths import Paths, paths_of
from training.models.forest.text import Trees, UnsupportedForestError, read_trees

_LANES = (8, 16, 32)
"""Points of quadrature there is machine code for, each exact up to twice as many inputs a path."""

_MARGIN_ROWS = 2_048
_SHAPLEY_ROWS = 256


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees of one model, ready to be asked."""

    trees: Trees
    paths: Paths
    ends: tuple[int, ...]
    """``(g + 1,)`` tree that each ensemble begins with, and the end."""

    @classmethod
    def of(cls, text: str) -> Forest:
        """Read a model text.

        Raises
        ------
        UnsupportedForestError
            If it holds what only LightGBM understands, or numba is not installed.
        """
        if not available():
            raise UnsupportedForestError("numba is not installed")
        trees = read_trees(text)
        paths = paths_of(trees)
        if paths.inputs.max(initial=0) > 2 * _LANES[-1]:
            raise UnsupportedForestError("more inputs on a path than there are points for")
        return cls(trees, paths, (0, len(trees.first) - 1))

    @classmethod
    def side_by_side(cls, forests: Sequence[Forest]) -> Forest:
        """Return the trees of several forests of the same inputs, each an ensemble of its own."""
        trees, paths = [each.trees for each in forests], [each.paths for each in forests]
        splits = list(accumulate((len(each.feature) for each in trees), initial=0))
        joined: dict[str, Any] = {
            field.name: np.concatenate([getattr(each, field.name) for each in trees])
            for field in fields(Trees)
            if field.name not in ("names", "first", "base")
        }
        firsts = [each.first[:-1] + start for each, start in zip(trees, splits, strict=False)]
        first = np.concatenate([*firsts, splits[-1:]]).astype(trees[0].first.dtype)
        counts = (len(each.first) - 1 for each in trees)
        return cls(
            Trees(names=trees[0].names, first=first, base=sum(e.base for e in trees), **joined),
            Paths(
                *(np.concatenate([getattr(each, f.name) for each in paths]) for f in fields(Paths))
            ),
            tuple(accumulate(counts, initial=0)),
        )

    def margin(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return the sums of leaf values ``(n,)`` of inputs ``(n, f)``, equal to LightGBM's."""
        from training.models.forest.margins import margins

        found = np.empty(len(matrix))

        def work(rows: slice) -> None:
            margins(matrix[rows], *self.asked, found[rows])

        in_blocks(len(matrix), work, rows=_MARGIN_ROWS, threads=threads)
        return found

    def shapley(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return Shapley values ``(n, f)``; they add up to the margin less ``trees.base``."""
        return self.shapley_of_each(matrix, threads)[:, 0]

    def shapley_of_each(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return :meth:`shapley` of every ensemble, ``(n, g, f)``."""
        from training.models.forest.kernels import shapley

        found = np.zeros((len(matrix), len(self.ends) - 1, len(self.trees.names)))

        def work(rows: slice) -> None:
            for part in self._parts:
                shapley(matrix[rows], *part, *self.asked, *self.weighed, found[rows])

        if len(matrix) == 1:
            for part in self._parts:
                shapley(matrix, *part, *self.asked, *self.weighed, found)
            return found
        in_blocks(len(matrix), work, rows=_SHAPLEY_ROWS, threads=threads)
        return found

    @cached_property
    def asked(self) -> tuple[npt.NDArray[np.generic], ...]:
        """What it takes to find a row's leaves. An input has a column for each kind of missing."""
        trees = self.trees
        column = trees.feature + len(trees.names) * trees.missing
        return (
            trees.first,
            column.astype(np.int32),
            trees.threshold,
            trees.missing_left,
            trees.left.astype(np.int32),
            trees.right.astype(np.int32),
            trees.leaf,
        )

    @cached_property
    def weighed(self) -> tuple[npt.NDArray[np.generic], ...]:
        """What Shapley values need beside."""
        trees, paths = self.trees, self.paths
        return (
            trees.feature.astype(np.int32),
            trees.left_share,
            trees.right_share,
            paths.above.astype(np.int32),
            paths.above_left,
            paths.entry_share,
        )

    @cached_property
    def of_lanes(self) -> dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]]:
        """Trees by how many points they take: which, where each ensemble begins, largest splits."""
        needed = np.searchsorted(2 * np.array(_LANES), self.paths.inputs)
        splits = np.diff(self.trees.first)
        found = {}
        for place in np.unique(needed[splits > 0]).tolist():
            chosen = np.flatnonzero((needed == place) & (splits > 0))
            ends = np.searchsorted(chosen, self.ends)
            found[_LANES[place]] = chosen, ends, int(splits[chosen].max())
        return found

    @cached_property
    def _parts(self) -> list[tuple[Any, ...]]:
        """:attr:`of_lanes`, each with its rule of quadrature."""
        rules = ((found, rule(lanes)) for lanes, found in self.of_lanes.items())
        return [(*found, each.point, each.rest, each.weight) for found, each in rules]
