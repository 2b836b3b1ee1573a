# mypy: disable-error-code="no-untyped-call,untyped-decorator"
# what numba makes of a function has no type
"""Which leaves a row falls into, and the sum of their values: LightGBM's to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiering.compiled import compiled

_ZERO = 1.0000000180025095e-35
"""LightGBM's ``1e-35f``: what is nearer to 0 counts as 0."""


@compiled  # pragma: no cover - it runs as machine code
def view_of(row: Any, view: Any) -> None:
    """Write a row ``(f,)`` thrice, for splits that take nothing, zeros or NaN for missing.

    In ``view`` ``(3 f,)`` NaN stands for whatever the kind of split takes for missing.
    """
    inputs = len(row)
    for j in range(inputs):
        x = row[j]
        known = 0.0 if abs(x) <= _ZERO else x
        view[j] = 0.0 if known != known else known
        view[inputs + j] = np.nan if known != known or known == 0.0 else known
        view[2 * inputs + j] = known


@compiled  # pragma: no cover - it runs as machine code
def margin_of(
    view: Any,
    begin: Any,
    end: Any,
    first: Any,
    column: Any,
    threshold: Any,
    missing_left: Any,
    left: Any,
    right: Any,
    leaf: Any,
) -> Any:
    """Return the sum of the leaf values of trees ``begin`` to ``end``, tree by tree from 0.

    ``view`` is that of :func:`view_of`.
    """
    total = 0.0
    for tree in range(begin, end):
        start = first[tree]
        splits = first[tree + 1] - start
        at = 0
        while at < splits:
            e = start + at
            x = view[column[e]]
            goes_left = (x <= threshold[e]) | ((x != x) & missing_left[e])
            at = left[e] if goes_left else right[e]
        total += leaf[start + tree + at - splits]
    return total


@compiled  # pragma: no cover - it runs as machine code
def margins(
    matrix: Any,
    first: Any,
    column: Any,
    threshold: Any,
    missing_left: Any,
    left: Any,
    right: Any,
    leaf: Any,
    found: Any,
) -> None:
    """Write the sum of leaf values ``(n,)``, tree by tree from 0 as LightGBM adds them."""
    view = np.empty(3 * matrix.shape[1])
    trees = len(first) - 1
    for r in range(matrix.shape[0]):
        view_of(matrix[r], view)
        found[r] = margin_of(
            view, 0, trees, first, column, threshold, missing_left, left, right, leaf
        )
