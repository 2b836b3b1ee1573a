"""From the decisions of a scheme to the tiers held: the migration policy applied to a batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from features.schema import FloatArray
from tiering.assign import Decisions
from tiering.composite import BoolArray
from tiering.migration.move import Moves, move
from tiering.migration.policy import MigrationPolicy
from tiering.migration.state import MigrationState
from tiering.migration.words import move_texts
from tiering.policy import Scheme
from tiering.referral import Language


def hold(
    policy: MigrationPolicy,
    decisions: Decisions,
    state: MigrationState,
    day: np.datetime64,
    values: Mapping[str, FloatArray],
    *,
    decided: BoolArray | None = None,
) -> Moves:
    """Assess graded customers.

    Parameters
    ----------
    decisions
        Of ``n`` customers; their tiers are the raw ones.
    state
        ``(n,)`` as the last assessment by the same tiers left it.
    values
        As they were graded by, for the conditions of automatic upgrades.
    decided
        ``(n,)`` customers whose tier the panel decided.

    Raises
    ------
    PolicyError
        If the state is not of these customers and tiers.
    """
    return move(
        policy,
        [tier.id for tier in decisions.scheme.tiers],
        state,
        decisions.tier,
        day,
        score=decisions.composite.score,
        cuts=cuts_of(decisions.scheme),
        margin_up=decisions.margin_up,
        margin_down=decisions.margin_down,
        values=values,
        decided=decided,
    )


def held_texts(
    policy: MigrationPolicy, scheme: Scheme, moves: Moves, row: int, language: Language
) -> tuple[str, ...]:
    """Return what happened to one customer's tier, in words."""
    labels = [tier.label_en if language == "en" else tier.label_zh for tier in scheme.tiers]
    ids = [tier.id for tier in scheme.tiers]
    return move_texts(policy, ids, labels, moves, row, language, cuts=cuts_of(scheme))


def cuts_of(scheme: Scheme) -> FloatArray | None:
    """Return the lower bounds of the tiers ``(t,)``, best to worst; None where no score decides."""
    cuts = [tier.cut for tier in scheme.tiers if tier.cut is not None]
    return np.array(cuts) if len(cuts) == len(scheme.tiers) else None
