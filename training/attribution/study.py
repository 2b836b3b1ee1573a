"""The whole study of one cut: jump, checks, statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.attribution.differences import Difference
from training.attribution.discontinuity import Jump, jump
from training.attribution.falsification import Check, balance, placebo_cuts
from training.attribution.local_polynomial import Clusters
from training.attribution.manipulation import DensityJump, density_jump
from training.attribution.statement import Statement, state
from training.errors import FitError

CAP = 0.005
"""Share of customers at each end whose growth is capped: one account's million is no tier's work,
and a mean that hangs on it has no interval to be trusted."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Customers at one or more gradings, and how their spend went afterwards.

    Attributes
    ----------
    customer
        ``(n,)`` codes from 0; a customer of several gradings has one code.
    grading
        ``(n,)`` number of the grading, the latest the largest.
    score
        ``(n,)`` composite, 0 to 100.
    growth
        ``(n,)`` spend in the period after the grading less that in the period before.
    before
        Name to ``(n,)`` values settled before the grading.
    """

    customer: Clusters
    grading: npt.NDArray[np.integer]
    score: FloatArray
    growth: FloatArray
    before: Mapping[str, FloatArray]

    def between(self, low: float, high: float) -> Observed:
        """Return those with ``low <= score < high``, with codes of their own."""
        kept = (self.score >= low) & (self.score < high)
        return Observed(
            customer=np.unique(self.customer[kept], return_inverse=True)[1],
            grading=self.grading[kept],
            score=self.score[kept],
            growth=self.growth[kept],
            before={name: column[kept] for name, column in self.before.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What is found at one cut.

    Attributes
    ----------
    cut
        Score.
    simulated
        Whether the customers are.
    jump
        Effect at the cut on spend per customer and period.
    density
        Test of bunching; None where there are too few scores.
    balance, placebos
        Jumps that should not be there.
    statement
        The share of growth, or why none is told.
    """

    cut: float
    simulated: bool
    jump: Jump
    density: DensityJump | None
    balance: tuple[Check, ...]
    placebos: tuple[Check, ...]
    statement: Statement

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able content."""
        found = asdict(self.jump)
        del found["influence"]
        return {
            "cut": self.cut,
            "simulated": self.simulated,
            "jump": found,
            "density": self.density and asdict(self.density),
            "balance": [asdict(check) for check in self.balance],
            "placebos": [asdict(check) for check in self.placebos],
            "statement": {
                **asdict(self.statement),
                "text_en": self.statement.text_en,
                "text_zh": self.statement.text_zh,
            },
        }


def study_cut(
    observed: Observed,
    cut: float,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    cap: float = CAP,
    simulated: bool,
    difference: Difference | None = None,
) -> Study:
    """Study one cut, with the customers between its neighbours.

    Parameters
    ----------
    low, high
        The cut below and the cut above: beyond them another tier's service begins.
    cap
        Growth beyond this quantile at either end counts as the quantile, 0 to below 0.5.
    simulated
        Whether the customers are simulated; it is told with every figure.
    difference
        A difference in differences of the same tier, if there is one; its pre-trend is heeded.

    Raises
    ------
    FitError
        If too few customers are near the cut.
    """
    here = observed.between(low, high)
    if here.score.size == 0:
        raise FitError("Nobody has a score between the neighbouring cuts.", cut=cut)
    x = here.score - cut
    growth = np.clip(here.growth, *np.quantile(here.growth, [cap, 1 - cap]))
    at_cut = jump(x, growth, cluster=here.customer)
    latest = here.grading == here.grading.max()
    try:
        density = density_jump(x[latest])  # each customer once
    except FitError:
        density = None
    even = balance(x, here.before, here.customer)
    placebos = placebo_cuts(x, growth, cluster=here.customer)
    statement = state(
        at_cut,
        growth,
        (x >= 0).astype(np.float64),
        here.customer,
        density=density,
        balance=even,
        placebos=placebos,
        difference=difference,
    )
    return Study(cut, simulated, at_cut, density, even, placebos, statement)
