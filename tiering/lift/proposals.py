"""What would lift the tier of customers (#96): found by search, then verified by grading again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.schema import Direction, FloatArray, describe
from tiering.assign import Decisions, decide
from tiering.lift.actions import Actions, packaged_actions
from tiering.lift.found import Change, Lift, Proposal, Supply
from tiering.lift.goals import Goal, Standing, goals_of
from tiering.lift.options import Option, options_of
from tiering.lift.search import Plan, cheapest, farthest
from tiering.policy import Scheme
from tiering.scores import Reference

_NOTICEABLE = 0.05
"""Points below which the best attainable score is not worth telling."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """Values to grade again: those of a customer with some replaced."""

    row: int
    replaced: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One customer below the best tier, with what was found before grading again."""

    row: int
    options: tuple[Option, ...]
    goals: list[Goal]
    plans: list[Plan]
    most: Plan | None
    gaps: list[tuple[str, ...]]


def lifts(
    scheme: Scheme,
    reference: Reference,
    values: Mapping[str, FloatArray],
    *,
    actions: Actions | None = None,
) -> list[Lift]:
    """Return what would lift the tier of each of ``n`` customers.

    Only indicators with an action move; predictions and all else are held fixed, and each
    indicator moves by itself. A better tier than the next counts as well.

    Parameters
    ----------
    values
        As for ``decide``, which grades them first.
    actions
        What can be done; those of the package by default.

    Raises
    ------
    UngradableError
        As ``decide``.
    """
    policy = actions or packaged_actions()
    now = decide(scheme, reference, values)
    cases = [
        _case(scheme, reference, policy, values, now, row)
        for row in range(len(now.tier))
        if now.tier[row] > 0
    ]
    trials = [trial for case in cases for trial in _trials(case)]
    graded = decide(scheme, reference, _replaced(values, trials))
    told = {}
    at = 0
    for case in cases:
        told[case.row], at = _told(scheme, policy, now, graded, case, at)
    return [told.get(row) or _best(now, row) for row in range(len(now.tier))]


def _case(
    scheme: Scheme,
    reference: Reference,
    policy: Actions,
    values: Mapping[str, FloatArray],
    now: Decisions,
    row: int,
) -> _Case:
    own = {name: float(values[name][row]) for name in scheme.indicators}
    standing = Standing(
        int(now.tier[row]),
        float(now.composite.score[row]),
        now.composite.dimension_score[row],
        own,
    )
    options = options_of(scheme, reference, policy, own, now.composite.weight[row])
    goals = goals_of(scheme, standing, options)
    plans = _plans(goals, options, policy.most_changes)
    asks_for_points = bool(options) and scheme.decider == "score"
    gone = [n for n in policy.supplies if n in reference and np.isnan(own.get(n, 0.0))]
    gaps: list[tuple[str, ...]] = [(name,) for name in gone]
    if len(gone) > 1:
        gaps.append(tuple(gone))
    return _Case(
        row=row,
        options=options,
        goals=goals,
        plans=plans,
        most=farthest(options, policy.most_changes) if asks_for_points and not plans else None,
        gaps=gaps,
    )


def _plans(goals: Sequence[Goal], options: Sequence[Option], most_changes: int) -> list[Plan]:
    """Return the cheapest plan of all, those without each of its parts, and single changes."""
    everything = frozenset(range(len(options)))
    best = _cheapest(goals, options, everything, most_changes)
    if best is None:
        return []
    others = [everything - {i} for i in best.picks] + [frozenset({i}) for i in everything]
    found = {frozenset(best.picks.items()): best}
    for allowed in others:
        plan = _cheapest(goals, options, allowed, most_changes)
        if plan is not None:
            found.setdefault(frozenset(plan.picks.items()), plan)
    return sorted(found.values(), key=lambda plan: (plan.effort, len(plan.picks)))


def _cheapest(
    goals: Sequence[Goal], options: Sequence[Option], allowed: frozenset[int], most_changes: int
) -> Plan | None:
    plans = (cheapest(goal, options, allowed, most_changes) for goal in goals)
    found = [plan for plan in plans if plan is not None]
    return min(found, key=lambda plan: (plan.effort, len(plan.picks)), default=None)


def _trials(case: _Case) -> Iterator[_Trial]:
    """Yield what is graded again, in the order in which :func:`_told` reads it."""
    for plan in case.plans:
        moved = _moved(case, plan)
        yield _Trial(case.row, moved)
        for name in moved:
            yield _Trial(case.row, {n: after for n, after in moved.items() if n != name})
    if case.most is not None:
        yield _Trial(case.row, _moved(case, case.most))
    for names in case.gaps:
        yield _Trial(case.row, {name: _best_end(name) for name in names})


def _moved(case: _Case, plan: Plan) -> dict[str, float]:
    return {
        case.options[i].action.indicator: float(case.options[i].targets[level])
        for i, level in plan.picks.items()
    }


def _best_end(name: str) -> float:
    # Points are flat beyond the best value, whatever that is.
    return -np.inf if describe(name).direction is Direction.LOWER_IS_BETTER else np.inf


def _replaced(values: Mapping[str, FloatArray], trials: Sequence[_Trial]) -> dict[str, FloatArray]:
    rows = np.array([trial.row for trial in trials], dtype=np.intp)
    columns = {name: np.asarray(column)[rows] for name, column in values.items()}
    for place, trial in enumerate(trials):
        for name, after in trial.replaced.items():
            columns[name][place] = after
    return columns


def _told(
    scheme: Scheme, policy: Actions, now: Decisions, graded: Decisions, case: _Case, at: int
) -> tuple[Lift, int]:
    """Return what the grades from place ``at`` on say of a case, and the place behind them."""
    tier = int(now.tier[case.row])
    proposals = []
    for plan in case.plans:
        parts = len(plan.picks)
        without = graded.tier[at + 1 : at + 1 + parts]
        # Points add up only while the weights stay, and a stage of life may change with an
        # indicator: what does not hold when graded is not proposed.
        if graded.tier[at] < tier and (without >= tier).all():
            proposals.append(_proposal(scheme, graded, case, plan, at))
        at += 1 + parts
    score = float(now.composite.score[case.row])
    attainable = None
    if case.most is not None:
        most = _proposal(scheme, graded, case, case.most, at)
        attainable = most if most.score - score >= _NOTICEABLE else None
        at += 1
    supplies: list[Supply] = []
    for names in case.gaps:
        if graded.tier[at] < tier and not (supplies and len(names) > 1):
            supplies.append(Supply(names, int(graded.tier[at])))
        at += 1
    blocked = dict.fromkeys(name for goal in case.goals for name in goal.blocked)
    margin = float(now.margin_up[case.row])
    lift = Lift(
        score=score,
        tier=tier,
        margin_up=None if math.isnan(margin) else margin,
        near=margin < scheme.referral.band,
        proposals=tuple(proposals[: policy.most_proposals]),
        attainable=attainable,
        supplies=tuple(supplies),
        blocked=() if proposals else tuple(blocked),
    )
    return lift, at


def _proposal(scheme: Scheme, graded: Decisions, case: _Case, plan: Plan, at: int) -> Proposal:
    changes = [
        Change(
            action=case.options[i].action,
            before=case.options[i].before,
            after=float(case.options[i].targets[level]),
            points=float(case.options[i].gain[level]),
        )
        for i, level in plan.picks.items()
    ]
    distance = np.fmin(graded.margin_up[at], graded.margin_down[at])
    return Proposal(
        changes=tuple(sorted(changes, key=lambda change: -change.points)),
        effort=plan.effort,
        score=float(graded.composite.score[at]),
        tier=int(graded.tier[at]),
        to_panel=bool(distance < scheme.referral.band),
    )


def _best(now: Decisions, row: int) -> Lift:
    return Lift(
        score=float(now.composite.score[row]),
        tier=0,
        margin_up=None,
        near=False,
        proposals=(),
        attainable=None,
        supplies=(),
        blocked=(),
    )
