"""LightGBM's text format as flat arrays.

Read is what both numeric predictions and path-dependent Shapley values need. What is not
understood (categorical splits, linear leaves, several classes, averaged forests) is refused:
such a model is left to LightGBM itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_Arrays = dict[str, npt.NDArray[Any]]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_SHIFT = 2
MISSING = ("none", "zero", "nan")
"""What a split takes for missing, in LightGBM's numbering."""


class UnsupportedForestError(ValueError):
    """A model text that this package leaves to LightGBM."""


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Decision trees over ``f`` inputs: ``s`` splits and ``s + t`` leaves of ``t`` trees.

    Splits stand tree after tree, a parent always before its children. A tree of ``n`` splits has
    ``n + 1`` leaves, so its leaves begin at its first split plus its number.

    Attributes
    ----------
    names
        ``(f,)`` inputs.
    first
        ``(t + 1,)`` first split of each tree, and the end.
    feature
        ``(s,)`` input that is asked.
    threshold
        ``(s,)`` values up to this go left.
    missing
        ``(s,)`` index into :data:`MISSING`.
    missing_left
        ``(s,)`` whether what is missing goes left.
    left, right
        ``(s,)`` where to go on: below the tree's number of splits a split of the same tree,
        from there on its leaves.
    left_share, right_share
        ``(s,)`` share of the training rows at the split that went there, 0 to 1.
    leaf
        ``(s + t,)`` values.
    base
        Sum over the trees of the mean leaf value of their training rows.
    """

    names: tuple[str, ...]
    first: IntArray
    feature: IntArray
    threshold: FloatArray
    missing: IntArray
    missing_left: BoolArray
    left: IntArray
    right: IntArray
    left_share: FloatArray
    right_share: FloatArray
    leaf: FloatArray
    base: float

    @property
    def owner(self) -> IntArray:
        """``(s,)`` number of the tree that each split belongs to."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def read_trees(text: str) -> Trees:
    """Read a model text.

    Raises
    ------
    UnsupportedForestError
        If the text is damaged, or holds what is not understood.
    """
    try:
        return _read(text)
    except (KeyError, IndexError, ValueError) as error:
        raise UnsupportedForestError(f"Not read: {error}") from error


def _read(text: str) -> Trees:
    head, *rest = text.split("\nTree=")
    told = _fields(head)
    if told["num_class"] != "1" or told["num_tree_per_iteration"] != "1":
        raise UnsupportedForestError("several classes")
    if "average_output" in head.splitlines():
        raise UnsupportedForestError("averaged trees")
    names = tuple(told["feature_names"].split())
    trees = [_tree(_fields(block.split("\n\n", 1)[0]), len(names)) for block in rest]
    if len(trees) != len(told["tree_sizes"].split()):
        raise UnsupportedForestError("trees are missing")
    joined = {
        name: np.concatenate([np.empty(0, _TYPES.get(name, np.int64)), *(t[name] for t in trees)])
        for name in (*_ARRAYS, "leaf")
    }
    sizes = [len(tree["feature"]) for tree in trees]
    return Trees(
        names=names,
        first=np.concatenate([[0], np.cumsum(np.array(sizes, dtype=np.int64))]).astype(np.int64),
        base=_sum(float(tree["base"][0]) for tree in trees),
        **joined,
    )


_ARRAYS = (
    *("feature", "threshold", "missing", "missing_left", "left", "right"),
    *("left_share", "right_share"),
)
_TYPES: Mapping[str, type] = {
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left_share": np.float64,
    "right_share": np.float64,
    "leaf": np.float64,
}


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(told: Mapping[str, str], inputs: int) -> _Arrays:
    """Return one tree's arrays by name."""
    leaves = int(told["num_leaves"])
    if int(told["num_cat"]) or int(told.get("is_linear", "0")):
        raise UnsupportedForestError("categorical splits or linear leaves")
    value, splits = _floats(told["leaf_value"]), leaves - 1
    if leaves == 1:  # LightGBM writes neither splits nor counts
        nothing: _Arrays = {name: np.empty(0, _TYPES.get(name, np.int64)) for name in _ARRAYS}
        return {**nothing, "leaf": value, "base": value}
    at_leaf, at_split = _floats(told["leaf_count"]), _floats(told["internal_count"])
    decision, feature = _integers(told["decision_type"]), _integers(told["split_feature"])
    missing = decision >> _MISSING_SHIFT
    left, right = (
        np.where(child < 0, splits - 1 - child, child)
        for child in (_integers(told["left_child"]), _integers(told["right_child"]))
    )
    threshold = _floats(told["threshold"])
    rows = np.concatenate([at_split, at_leaf])
    sound = (
        {len(a) for a in (at_split, decision, feature, left, right, threshold)} == {splits}
        and len(value) == len(at_leaf) == leaves
        and not (decision & _CATEGORICAL).any()
        and bool((missing < len(MISSING)).all())
        and bool(((feature >= 0) & (feature < inputs)).all())
        # every node but the root has one parent, which stands before it
        and np.array_equal(np.sort(np.concatenate([left, right])), np.arange(1, splits + leaves))
        and bool((np.minimum(left, right) > np.arange(splits)).all())
        and bool((rows > 0).all())
        and np.array_equal(rows[left] + rows[right], at_split)
        and bool(np.isfinite(value).all() and not np.isnan(threshold).any())
    )
    if not sound:
        raise UnsupportedForestError("a tree that does not add up")
    mean = _sum((at_leaf / at_split[0] * value).tolist())
    return {
        "feature": feature,
        "threshold": threshold,
        "missing": missing,
        "missing_left": (decision & _DEFAULT_LEFT) != 0,
        "left": left,
        "right": right,
        "left_share": rows[left] / at_split,
        "right_share": rows[right] / at_split,
        "leaf": value,
        "base": np.array([mean]),
    }


def _sum(terms: Iterable[float]) -> float:
    """Add up in order, as LightGBM does (numpy would add in pairs)."""
    total = 0.0
    for term in terms:
        total += term
    return total


def _floats(text: str) -> FloatArray:
    return np.array(text.split(), dtype=np.float64)


def _integers(text: str) -> IntArray:
    return np.array(text.split(), dtype=np.int64)
