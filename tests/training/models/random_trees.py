"""Random decision trees as LightGBM's text, and Shapley values of them by their definition."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import combinations
from math import factorial

import numpy as np

from features.schema import FloatArray

MISSING = {"none": 0, "zero": 4, "nan": 8}


@dataclass(frozen=True)
class Split:
    """A split or a leaf with its training rows; ``at`` is None for a leaf."""

    rows: int
    value: float = 0.0
    at: int | None = None
    threshold: float = 0.0
    missing: str = "nan"
    missing_left: bool = True
    left: Split | None = None
    right: Split | None = None

    def goes_left(self, row: FloatArray) -> bool:
        """Tell where a row goes, by LightGBM's rules."""
        assert self.at is not None
        x = float(row[self.at])
        if np.isnan(x) and self.missing != "nan":
            x = 0.0
        if (self.missing == "nan" and np.isnan(x)) or (self.missing == "zero" and abs(x) <= 1e-35):
            return self.missing_left
        return (0.0 if abs(x) <= 1e-35 else x) <= self.threshold

    def expected(self, row: FloatArray, known: frozenset[int]) -> float:
        """Return the mean leaf value where only some inputs are known."""
        if self.at is None:
            return self.value
        assert self.left is not None
        assert self.right is not None
        if self.at in known:
            return (self.left if self.goes_left(row) else self.right).expected(row, known)
        return (
            self.left.rows * self.left.expected(row, known)
            + self.right.rows * self.right.expected(row, known)
        ) / self.rows


def random_tree(rng: np.random.Generator, inputs: int, depth: int, rows: int = 1_000) -> Split:
    """Return a tree that asks the same inputs again and again, with ties at whole thresholds."""
    if depth == 0 or rows < 4 or rng.random() < 0.15:
        return Split(rows, float(rng.normal()))
    share = int(rng.integers(1, rows))
    return Split(
        rows,
        at=int(rng.integers(inputs)),
        threshold=float(rng.integers(-2, 3)),
        missing=str(rng.choice(list(MISSING))),
        missing_left=bool(rng.integers(2)),
        left=random_tree(rng, inputs, depth - 1, share),
        right=random_tree(rng, inputs, depth - 1, rows - share),
    )


def chain(inputs: int) -> Split:
    """Return a tree that asks one input after the other on a single path."""
    below = Split(2, 1.0)
    for at in reversed(range(inputs)):
        below = Split(below.rows + 2, at=at, left=below, right=Split(2, -0.5 / (at + 1)))
    return below


def random_rows(rng: np.random.Generator, rows: int, inputs: int) -> FloatArray:
    """Return rows with ties, zeros, next to zeros, unknown and infinite values."""
    matrix = rng.integers(-3, 4, (rows, inputs)).astype(np.float64)
    for value in (np.nan, 1e-36, -1e-300, np.inf, -np.inf, 0.5):
        matrix[rng.random(matrix.shape) < 0.06] = value
    return matrix


def text_of(trees: list[Split], inputs: int) -> str:
    """Write trees as LightGBM does."""
    blocks = [_block(number, tree) for number, tree in enumerate(trees)]
    names = " ".join(f"x{j}" for j in range(inputs))
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={inputs - 1}\nobjective=regression\nfeature_names={names}\n"
        f"feature_infos={' '.join(['[-9:9]'] * inputs)}\n"
        f"tree_sizes={' '.join(str(len(block)) for block in blocks)}\n\n"
    )
    return head + "".join(blocks) + "end of trees\n\nparameters:\nend of parameters\n"


def brute_force(trees: list[Split], row: FloatArray) -> FloatArray:
    """Return Shapley values ``(f,)`` by their definition: a mean over all orders of inputs."""
    inputs = len(row)
    worth = {
        frozenset(some): sum(tree.expected(row, frozenset(some)) for tree in trees)
        for size in range(inputs + 1)
        for some in combinations(range(inputs), size)
    }
    phi = np.zeros(inputs)
    for known, value in worth.items():
        for j in set(range(inputs)) - known:
            share = factorial(len(known)) * factorial(inputs - len(known) - 1) / factorial(inputs)
            phi[j] += share * (worth[known | {j}] - value)
    return phi


def exactly(tree: Split, row: FloatArray) -> FloatArray:
    """Return Shapley values ``(f,)`` to sixty digits, leaf by leaf, for many inputs too.

    A leaf's coalitions earn a product, whose mean over all orders is the integral of a
    polynomial; its coefficients are added up as they are.
    """
    phi = [Decimal(0)] * len(row)

    def visit(node: Split, path: dict[int, tuple[bool, Decimal]]) -> None:
        if node.at is not None:
            follows, share = path.get(node.at, (True, Decimal(1)))
            for side, child in ((True, node.left), (False, node.right)):
                assert child is not None
                own = share * child.rows / node.rows
                visit(child, {**path, node.at: (follows and node.goes_left(row) == side, own)})
            return
        for j, (follows, share) in path.items():
            product = [Decimal(1)]
            for k, (other, p) in path.items():
                if k != j:  # times p + (other - p) t
                    slope = int(other) - p
                    product = [
                        p * (product[n] if n < len(product) else 0)
                        + slope * (product[n - 1] if n else 0)
                        for n in range(len(product) + 1)
                    ]
            whole = sum((c / (n + 1) for n, c in enumerate(product)), Decimal(0))
            phi[j] += Decimal(node.value) * (int(follows) - share) * whole

    with localcontext() as context:
        context.prec = 60
        visit(tree, {})
    return np.array([float(value) for value in phi])


def _block(number: int, tree: Split) -> str:
    splits: list[Split] = []
    leaves: list[Split] = []

    def place(node: Split) -> int:
        if node.at is None:
            leaves.append(node)
            return -len(leaves)
        splits.append(node)
        child.append((0, 0))
        here = len(splits) - 1
        assert node.left is not None
        assert node.right is not None
        left = place(node.left)
        child[here] = (left, place(node.right))
        return here

    child: list[tuple[int, int]] = []
    place(tree)
    if not splits:
        return (
            f"Tree={number}\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\n"
            f"decision_type=\nleft_child=\nright_child=\nleaf_value={tree.value!r}\nleaf_weight=\n"
            "leaf_count=\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0\n"
            "shrinkage=1\n\n\n"
        )
    rows: dict[str, list[object]] = {
        "split_feature": [node.at for node in splits],
        "split_gain": [1 for _ in splits],
        "threshold": [repr(node.threshold) for node in splits],
        "decision_type": [MISSING[n.missing] + 2 * n.missing_left for n in splits],
        "left_child": [left for left, _ in child],
        "right_child": [right for _, right in child],
        "leaf_value": [repr(leaf.value) for leaf in leaves],
        "leaf_weight": [leaf.rows for leaf in leaves],
        "leaf_count": [leaf.rows for leaf in leaves],
        "internal_value": [0 for _ in splits],
        "internal_weight": [node.rows for node in splits],
        "internal_count": [node.rows for node in splits],
    }
    lines = "".join(f"{name}={' '.join(map(str, row))}\n" for name, row in rows.items())
    return (
        f"Tree={number}\nnum_leaves={len(leaves)}\nnum_cat=0\n{lines}is_linear=0\nshrinkage=1\n\n\n"
    )
