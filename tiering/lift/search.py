"""The cheapest set of changes that meets a goal: an exact knapsack over whole efforts.

Points are additive while what is known stays the same, so a table of the most points that can
be had for each number of changes and each effort holds the optimum over all combinations of
levels (multiple-choice knapsack), not that of a greedy order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.lift.goals import Goal, Need
from tiering.lift.options import Option
from tiering.sheet import DECIMALS

_CLOSE = 0.5 * 10.0**-DECIMALS
"""A score this near below a cut is rounded up to it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes to make: position of an option to one of its levels."""

    picks: Mapping[int, int]
    effort: int


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Most points for ``c`` changes and effort ``e``, ``(c, e)``, and the way there."""

    most: FloatArray
    levels: tuple[npt.NDArray[np.intp], ...]
    options: tuple[int, ...]
    efforts: tuple[npt.NDArray[np.intp], ...]

    def plan(self, changes: int, effort: int) -> Plan:
        """Walk back through the options."""
        picks = {}
        c, e = changes, effort
        for option, levels, efforts in zip(
            reversed(self.options), reversed(self.levels), reversed(self.efforts), strict=True
        ):
            level = int(levels[c, e])
            if level >= 0:
                picks[option] = level
                c, e = c - 1, e - int(efforts[level])
        return Plan(dict(sorted(picks.items())), effort)


def cheapest(
    goal: Goal, options: Sequence[Option], allowed: frozenset[int], most_changes: int
) -> Plan | None:
    """Return the plan of least effort (then of fewest changes), None if there is none.

    Parameters
    ----------
    allowed
        Positions of the options that may be used.
    """
    if goal.blocked or not allowed.issuperset(goal.least) or len(goal.least) > most_changes:
        return None
    if not goal.needs:
        effort = sum(int(options[i].efforts[level]) for i, level in goal.least.items())
        return Plan(dict(goal.least), effort)
    # Needs of several dimensions share no option, so their cheapest plans simply add up.
    plans = {0: Plan({}, 0)}
    for need in goal.needs:
        plans = _both(plans, _by_changes(goal, need, options, allowed, most_changes), most_changes)
    return min(plans.values(), key=lambda plan: (plan.effort, len(plan.picks)), default=None)


def farthest(options: Sequence[Option], most_changes: int) -> Plan:
    """Return the plan that adds most to the score, the cheapest of several such."""
    table = _fill({}, Need(0.0), options, frozenset(range(len(options))), most_changes)
    c, e = np.unravel_index(int(np.argmax(table.most)), table.most.shape)
    return table.plan(int(c), int(e))


def _by_changes(
    goal: Goal, need: Need, options: Sequence[Option], allowed: frozenset[int], most_changes: int
) -> dict[int, Plan]:
    """Return the cheapest plan that meets a need, by its number of changes."""
    table = _fill(goal.least, need, options, allowed, most_changes)
    found = {}
    for changes, row in enumerate(table.most):
        enough = np.flatnonzero(row >= need.points - _CLOSE)
        if enough.size:
            found[changes] = table.plan(changes, int(enough[0]))
    return found


def _fill(
    least: Mapping[int, int],
    need: Need,
    options: Sequence[Option],
    allowed: frozenset[int],
    most_changes: int,
) -> _Table:
    used = [
        i
        for i in sorted(allowed)
        if need.dimension is None or options[i].dimension == need.dimension
    ]
    dearest = sorted((int(options[i].efforts[-1]) for i in used), reverse=True)
    most = np.full((most_changes + 1, sum(dearest[:most_changes]) + 1), -np.inf)
    most[0, 0] = 0.0
    choices = []
    for i in used:
        option = options[i]
        gain = option.gain if need.dimension is None else option.gain_inside
        # An option that has to be used may not be left out.
        after = np.full_like(most, -np.inf) if i in least else most.copy()
        chosen = np.full(most.shape, -1, dtype=np.intp)
        for level in range(least.get(i, 0), gain.size):
            effort = int(option.efforts[level])
            with_it = most[:-1, : most.shape[1] - effort] + gain[level]
            better = with_it > after[1:, effort:]
            after[1:, effort:][better] = with_it[better]
            chosen[1:, effort:][better] = level
        most = after
        choices.append(chosen)
    return _Table(most, tuple(choices), tuple(used), tuple(options[i].efforts for i in used))


def _both(
    first: Mapping[int, Plan], second: Mapping[int, Plan], most_changes: int
) -> dict[int, Plan]:
    found: dict[int, Plan] = {}
    for a, one in first.items():
        for b, other in second.items():
            effort = one.effort + other.effort
            if a + b <= most_changes and (a + b not in found or effort < found[a + b].effort):
                found[a + b] = Plan({**one.picks, **other.picks}, effort)
    return found
