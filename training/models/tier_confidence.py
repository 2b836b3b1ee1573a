"""How probable each tier is to be the realised one: a cumulative model over the borders.

One set of trees answers, for every border between tiers, whether the realised tier lies above
it; the differences are the probabilities of the tiers. Tiers are ordered, and one model for all
borders learns from ``t - 1`` times the rows; its log loss was below a multiclass model's on origins
that neither had seen (ADR 0018).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.schema import FloatArray
from training.errors import FitError
from training.models import portable
from training.models.boosting import Boosted, fit_boosted
from training.models.tier_view import IntArray, TierView
from training.recipe import Trees

TREES = Trees(
    rounds=150,
    learning_rate=0.05,
    num_leaves=15,
    min_data_in_leaf=100,
    lambda_l2=5.0,
    feature_fraction=0.6,
    bagging_fraction=0.7,
)
"""As the other trees of a recipe; none was chosen by what a test origin certified."""

MIN_ROWS = 400
"""Judged customers it takes to learn anything."""


@dataclass(frozen=True, slots=True, eq=False)
class TierConfidence:
    """Trees, and which definition of the realised tier they answer for."""

    definition: str
    trees: Boosted

    @property
    def digest(self) -> str:
        """SHA-256 of the definition and the trees, hex."""
        return hashlib.sha256(f"{self.definition}\0{self.trees.text}".encode()).hexdigest()

    def probabilities(self, view: TierView) -> FloatArray:
        """Return the probability ``(n, t)`` of each tier; rows sum to 1."""
        reached = np.empty((len(view), view.tiers + 1))
        reached[:, 0], reached[:, -1] = 0.0, 1.0
        for border in range(view.tiers - 1):
            reached[:, border + 1] = portable.expit(self.trees.margin(view.at_border(border)))
        # A tier's border cannot be less probable than that of a better one.
        return np.diff(np.maximum.accumulate(reached, axis=1), axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; the trees are stored beside it, as text."""
        return {"definition": self.definition}

    @classmethod
    def from_dict(cls, document: dict[str, Any], trees: Boosted) -> TierConfidence:
        """Read :meth:`to_dict` and the trees."""
        return cls(document["definition"], trees)


def confidence_of(probabilities: FloatArray, tier: IntArray) -> FloatArray:
    """Return the probability ``(n,)`` of each customer's own tier."""
    return np.asarray(probabilities[np.arange(len(tier)), tier], dtype=np.float64)


def likeliest(probabilities: FloatArray) -> IntArray:
    """Return the most probable tier ``(n,)``; of equals, the better."""
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def fit_tier_confidence(
    judged: Sequence[tuple[TierView, IntArray]],
    *,
    definition: str,
    seed: int,
    threads: int = 1,
) -> TierConfidence:
    """Fit on the grades of closed origins.

    Parameters
    ----------
    judged
        For each origin the view on its day and the realised tiers ``(n,)``. All outcomes must
        have closed before the first origin that is certified on.

    Raises
    ------
    FitError
        If there are too few rows.
    """
    rows = sum(len(view) for view, _ in judged)
    if rows < MIN_ROWS:
        raise FitError(
            f"Confidence in tiers cannot be learned from {rows} judged customers; "
            f"{MIN_ROWS} are needed.",
            hint="Add earlier backtest origins (backtest.origins in the recipe).",
            rows=rows,
        )
    blocks = [(v.at_border(k), r <= k) for v, r in judged for k in range(v.tiers - 1)]
    matrix = np.concatenate([block for block, _ in blocks])
    label = np.concatenate([reached for _, reached in blocks]).astype(np.float64)
    trees = fit_boosted(
        matrix,
        judged[0][0].names(),
        label,
        np.zeros(len(label)),
        TREES,
        objective="binary",
        seed=seed,
        threads=threads,
    )
    return TierConfidence(definition, trees)
