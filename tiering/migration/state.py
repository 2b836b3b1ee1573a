"""What is remembered of a customer from one assessment to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiering.errors import PolicyError

TierArray = npt.NDArray[np.intp]
DayArray = npt.NDArray[np.datetime64]

NEW = -1
"""The tier of a customer that has none yet."""


@dataclass(frozen=True, slots=True, eq=False)
class MigrationState:
    """Where ``n`` customers stand before (or after) an assessment.

    Attributes
    ----------
    tier
        ``(n,)`` index of the tier held, 0 the best; :data:`NEW` for none.
    since
        ``(n,)`` datetime64[D], the assessment that gave the tier; NaT: unknown, long ago.
    pending_since
        ``(n,)`` datetime64[D], the first assessment in a row at which a downgrade was due; NaT:
        none is.
    """

    tier: TierArray
    since: DayArray
    pending_since: DayArray

    @classmethod
    def new(cls, n: int) -> MigrationState:
        """Return the state of ``n`` customers never graded."""
        never = np.full(n, np.datetime64("NaT", "D"))
        return cls(np.full(n, NEW, dtype=np.intp), never, never.copy())

    def __len__(self) -> int:
        return len(self.tier)

    def check(self, n: int, n_tiers: int) -> None:
        """Raise unless these are ``n`` customers of a scheme with ``n_tiers`` tiers.

        Raises
        ------
        PolicyError
            If a length differs or a tier does not exist.
        """
        if not self.tier.shape == self.since.shape == self.pending_since.shape == (n,):
            raise PolicyError(f"The state before must be of the same {n} customers.")
        if n and (self.tier.min() < NEW or self.tier.max() >= n_tiers):
            raise PolicyError(
                f"Tiers held must lie in 0 to {n_tiers - 1}, or be {NEW} for none.",
                hint="After a change of the scheme's tiers, all customers are new to it.",
            )
