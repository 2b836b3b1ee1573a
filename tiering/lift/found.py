"""What was found that would lift a customer's tier (#96)."""

from __future__ import annotations

from dataclasses import dataclass

from tiering.lift.actions import Action


@dataclass(frozen=True, slots=True)
class Change:
    """One indicator moved by an action.

    Attributes
    ----------
    points
        What it adds to the score.
    """

    action: Action
    before: float
    after: float
    points: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes to make together, graded.

    Attributes
    ----------
    changes
        The one that adds most first.
    effort
        Sum of the efforts of the steps (``actions.toml``).
    score, tier
        As ``decide`` grades the changed values; the tier is an index, 0 the best.
    to_panel
        Whether the new grade is so near a border that the expert panel decides (#93).
    """

    changes: tuple[Change, ...]
    effort: int
    score: float
    tier: int
    to_panel: bool


@dataclass(frozen=True, slots=True)
class Supply:
    """Missing data that could lift the tier: at most to ``tier``, were they the best there is."""

    indicators: tuple[str, ...]
    tier: int


@dataclass(frozen=True, slots=True)
class Lift:
    """What would lift one customer's tier.

    Attributes
    ----------
    margin_up
        Points missing to the next tier, None in the best or where unknown.
    near
        Whether that is within the band in which the expert panel decides (#93).
    proposals
        Feasible and verified: all changes of one reach a better tier, and without any of
        them it is not reached. Cheapest first; empty in the best tier.
    attainable
        Where there is none and the score decides: what the most that is feasible comes to,
        without a better tier.
    supplies
        Missing data worth supplying.
    blocked
        Where there is no proposal: what the tier asks for and no action reaches; indicators,
        or dimensions of a matrix.
    """

    score: float
    tier: int
    margin_up: float | None
    near: bool
    proposals: tuple[Proposal, ...]
    attainable: Proposal | None
    supplies: tuple[Supply, ...]
    blocked: tuple[str, ...]
