"""Closed decisions beside what they should have been: what a certificate is learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.errors import PopulationError

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Customers of closed origins, at most one row for a customer and origin.

    Attributes
    ----------
    origin
        ``(n,)`` ISO day of the origin of each row.
    confidence
        ``(n,)`` estimated probability that the issued tier is right, 0 to 1; NaN: unknown, such
        a customer is never decided automatically.
    tier, right
        ``(n,)`` index of the tier issued, and of the realised one; 0 is the best.
    candidate
        ``(n,)`` whether nothing else refers the customer: a certificate speaks of these only.
    tiers
        How many tiers there are.
    """

    origin: npt.NDArray[np.str_]
    confidence: FloatArray
    tier: IntArray
    right: IntArray
    candidate: BoolArray
    tiers: int

    def __post_init__(self) -> None:
        shapes = {
            np.shape(column)
            for column in (self.origin, self.confidence, self.tier, self.right, self.candidate)
        }
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise PopulationError(f"The columns of a trial must be (n,), got {sorted(shapes)}.")
        indexes = np.concatenate([self.tier, self.right])
        if len(indexes) and not (indexes.min() >= 0 and indexes.max() < self.tiers):
            raise PopulationError(
                f"Tiers of a trial must be indexes from 0 to {self.tiers - 1}.", tiers=self.tiers
            )

    def __len__(self) -> int:
        return len(self.origin)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins, ascending."""
        return tuple(np.unique(self.origin).tolist())

    @property
    def wrong(self) -> BoolArray:
        """Rows ``(n,)`` whose tier was not the realised one."""
        return np.not_equal(self.tier, self.right)

    @property
    def far(self) -> BoolArray:
        """Rows ``(n,)`` whose tier was two or more from the realised one."""
        return np.asarray(np.abs(self.tier - self.right) >= 2)

    def selected(self, threshold: float | None) -> BoolArray:
        """Return the candidates ``(n,)`` at least so sure; none for None."""
        if threshold is None:
            return np.zeros(len(self), dtype=np.bool_)
        # NaN is not at least anything.
        chosen: BoolArray = self.candidate & (self.confidence >= threshold)
        return chosen

    def where(self, mask: BoolArray | IntArray) -> Trial:
        """Return the rows of a mask ``(n,)``, or at positions that may repeat."""
        return Trial(
            self.origin[mask],
            self.confidence[mask],
            self.tier[mask],
            self.right[mask],
            self.candidate[mask],
            self.tiers,
        )
