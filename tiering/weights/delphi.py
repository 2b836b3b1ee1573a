"""Rounds of a Delphi panel: who agrees, on what, when to stop, and what comes of it (#39)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.schema import FloatArray
from tiering.errors import WeightsError
from tiering.weights.answers import Answer, Answers, matrix
from tiering.weights.concordance import Concordance, concordance
from tiering.weights.rules import DelphiRules, Rules
from tiering.weights.simplex import centre

Verdict = Literal["go_on", "consensus", "stalled", "exhausted"]
Cause = Literal["spread", "roles"]

_EPSILON = 1e-9
"""15 points less 10 are 5, whatever binary fractions say."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What a round said about one dimension; shares of 1.

    Attributes
    ----------
    low, high
        Quartiles: half of the panel lies between them.
    by_role
        Median of each role that answered.
    moved
        Change of the median since the round before; NaN in the first.
    disputed
        Why it is in dispute: the panel's ``spread``, the distance between ``roles``, or both.
    """

    dimension: str
    median: float
    low: float
    high: float
    by_role: Mapping[str, float]
    moved: float
    disputed: tuple[Cause, ...]

    @property
    def iqr(self) -> float:
        """Distance of the quartiles."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a panel.

    Attributes
    ----------
    answered
        Role to the number of members who answered.
    missing
        Members known to the panel who did not.
    weights
        The panel's centre by this round's answers alone, ``(d,)`` in the panel's order.
    """

    number: int
    answered: Mapping[str, int]
    missing: tuple[str, ...]
    agreement: Concordance
    dimensions: tuple[Spread, ...]
    weights: tuple[float, ...]
    verdict: Verdict

    @property
    def disputed(self) -> tuple[str, ...]:
        """Dimensions in dispute."""
        return tuple(each.dimension for each in self.dimensions if each.disputed)


@dataclass(frozen=True, slots=True)
class DelphiResult:
    """What a panel came to.

    Attributes
    ----------
    weights
        Dimension to weight: the centre of every member's latest answer.
    by_role
        The same for each role alone.
    variance
        Squared standard error of ``weights``, summed over the dimensions. From the *first*
        answers: later ones have seen the panel's median, so that their nearness to each other
        is agreement and not evidence.
    carried
        Members whose latest answer is from an earlier round than the last.
    short
        Role to how many members are missing of the full panel.
    """

    dimensions: tuple[str, ...]
    rounds: tuple[Round, ...]
    weights: Mapping[str, float]
    by_role: Mapping[str, Mapping[str, float]]
    variance: float
    members: int
    carried: tuple[str, ...]
    short: Mapping[str, int]
    simulated: bool

    @property
    def verdict(self) -> Verdict:
        """The last round's."""
        return self.rounds[-1].verdict


def judge(answers: Answers, rules: Rules) -> DelphiResult:
    """Return every round of a panel and its result.

    A member who misses a round counts in it for nothing, and in the result with the latest
    answer given: leaving the member out would shift the balance between the roles.

    Raises
    ------
    WeightsError
        If a round has a single answer: there is no panel then.
    """
    rounds: list[Round] = []
    for number in answers.rounds:
        given = answers.of(number)
        if len(given) < 2:
            raise WeightsError(
                f"Round {number} has one answer, of {given[0].member}.",
                hint="A panel needs two members at least; leave the round out or wait for more.",
            )
        rounds.append(_round(number, given, answers, rounds, rules.delphi))
    final = answers.latest(answers.rounds[-1])
    weights = centre(matrix(final))
    roles = Counter(answers.members.values())
    return DelphiResult(
        dimensions=answers.dimensions,
        rounds=tuple(rounds),
        weights=_named(answers.dimensions, weights),
        by_role={
            role: _named(
                answers.dimensions, centre(matrix([each for each in final if each.role == role]))
            )
            for role in rules.role_ids
            if any(each.role == role for each in final)
        },
        variance=squared_error(matrix(answers.first())),
        members=len(final),
        carried=tuple(each.member for each in final if each.round < answers.rounds[-1]),
        short={
            role.id: role.members - roles[role.id]
            for role in rules.roles
            if roles[role.id] < role.members
        },
        simulated=answers.simulated,
    )


def squared_error(points: FloatArray) -> float:
    """Return the squared standard error of a panel's centre, summed over the dimensions.

    The mean squared distance to the centre over ``m - 1``: that of a mean. A geometric median's
    is a little larger where answers scatter evenly and smaller where some lie far out.

    Parameters
    ----------
    points
        ``(m, d)`` answers, ``m`` at least 2.
    """
    distances = ((points - centre(points)) ** 2).sum(axis=1)
    return float(distances.mean() / (len(points) - 1))


def _round(
    number: int,
    given: tuple[Answer, ...],
    answers: Answers,
    before: list[Round],
    rules: DelphiRules,
) -> Round:
    points = matrix(given)
    agreement = concordance(points)
    spreads = _spreads(given, answers.dimensions, before, rules)
    there = {answer.member for answer in given}
    return Round(
        number=number,
        answered=dict(sorted(Counter(answer.role for answer in given).items())),
        missing=tuple(member for member in answers.members if member not in there),
        agreement=agreement,
        dimensions=spreads,
        weights=tuple(centre(points).tolist()),
        verdict=_verdict(number, agreement, spreads, rules),
    )


def _spreads(
    given: tuple[Answer, ...],
    dimensions: tuple[str, ...],
    before: list[Round],
    rules: DelphiRules,
) -> tuple[Spread, ...]:
    points = matrix(given)
    low, median, high = np.quantile(points, [0.25, 0.5, 0.75], axis=0).tolist()
    role = np.array([answer.role for answer in given])
    by_role = {each: np.median(points[role == each], axis=0) for each in sorted(set(role.tolist()))}
    found = []
    for k, dimension in enumerate(dimensions):
        limit = max(rules.spread, rules.spread_relative * median[k])
        medians = {each: float(values[k]) for each, values in by_role.items()}
        apart: dict[Cause, float] = {
            "spread": high[k] - low[k],
            "roles": max(medians.values()) - min(medians.values()),
        }
        found.append(
            Spread(
                dimension=dimension,
                median=median[k],
                low=low[k],
                high=high[k],
                by_role=medians,
                moved=median[k] - before[-1].dimensions[k].median if before else math.nan,
                disputed=tuple(
                    cause for cause, distance in apart.items() if distance > limit + _EPSILON
                ),
            )
        )
    return tuple(found)


def _verdict(
    number: int, agreement: Concordance, spreads: tuple[Spread, ...], rules: DelphiRules
) -> Verdict:
    """Return whether to ask again: stop on agreement, on standing still, or after the last round.

    Standing still comes before agreement in the literature's order of questions (Dajani, Sincoff
    and Talley, Technological Forecasting and Social Change 13, 1979); a panel that agrees has
    nothing to be asked again, whether it moved or not.
    """
    agreed = agreement.w >= rules.agreed_w and agreement.p_value <= rules.agreed_p
    if number >= rules.earliest_stop:
        if agreed and not any(each.disputed for each in spreads):
            return "consensus"
        if number < rules.rounds and all(abs(each.moved) < rules.still for each in spreads):
            return "stalled"
    return "go_on" if number < rules.rounds else "exhausted"


def _named(dimensions: tuple[str, ...], weights: FloatArray) -> dict[str, float]:
    return dict(zip(dimensions, weights.tolist(), strict=True))
