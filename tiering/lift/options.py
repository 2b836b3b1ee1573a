"""The values a customer could reach by an action, with what each costs and brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.schema import Direction, FloatArray, describe
from tiering.lift.actions import Action, Actions
from tiering.normalize import points
from tiering.policy import Scheme
from tiering.scores import Reference

_TIDY = 9
"""Decimals of a value that is proposed: 0.1 three times is 0.3."""
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """An action open to one customer, in ``m`` levels from small to large.

    Attributes
    ----------
    column
        Position of the indicator in the scheme.
    dimension
        Position of its dimension.
    before
        Present value.
    targets, efforts
        ``(m,)`` values after the action, ever better, and their costs, ever higher.
    gain
        ``(m,)`` points added to the score.
    gain_inside
        ``(m,)`` points added to the score of the dimension.
    """

    action: Action
    column: int
    dimension: int
    before: float
    targets: FloatArray
    efforts: npt.NDArray[np.intp]
    gain: FloatArray
    gain_inside: FloatArray


def options_of(
    scheme: Scheme,
    reference: Reference,
    actions: Actions,
    values: Mapping[str, float],
    weight: FloatArray,
) -> tuple[Option, ...]:
    """Return the actions open to a customer, in the order of the scheme.

    Parameters
    ----------
    values
        Value of each indicator of the scheme, NaN where unknown.
    weight
        ``(k,)`` effective weights of the customer in the score.
    """
    by_name = {action.indicator: action for action in actions.actions}
    found = []
    column = 0
    for place, dimension in enumerate(scheme.dimensions):
        whole = float(weight[column : column + len(dimension.indicators)].sum())
        for indicator in dimension.indicators:
            action = by_name.get(indicator.name)
            if action is not None and weight[column] > 0:
                before = values[indicator.name]
                targets, efforts = levels(action, reference, before)
                if targets.size:
                    now, *then = points(reference, indicator, np.array([before, *targets]))
                    more = np.array(then) - now
                    found.append(
                        Option(
                            action=action,
                            column=column,
                            dimension=place,
                            before=before,
                            targets=targets,
                            efforts=efforts,
                            gain=more * weight[column],
                            gain_inside=more * (weight[column] / whole),
                        )
                    )
            column += 1
    return tuple(found)


def levels(
    action: Action, reference: Reference, value: float
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return the values an action can reach from a known one, and their efforts, ``(m,)``.

    Each is better than the one before it and within the bounds of the action; none where
    nothing better is feasible.
    """
    indicator = describe(action.indicator)
    sign = -1.0 if indicator.direction is Direction.LOWER_IS_BETTER else 1.0
    count = np.arange(1, action.steps + 1)
    if action.to is not None:
        reached = np.array([action.to])
    elif action.by_share is not None:
        # A share of nothing, or of a debt, says nothing.
        reached = value + sign * action.by_share * count * max(value, 0.0)
    else:
        reached = value + sign * (action.by or 0.0) * count
    bounds = [] if action.until is None else [sign * action.until]
    if action.to is None:
        knots = reference.knots[action.indicator]
        rank = action.percentile if sign > 0 else 100.0 - action.percentile
        bounds.append(sign * float(np.interp(rank, knots.percentile, knots.x)))
    if bounds:
        limit = min(bounds)
        reached = sign * np.minimum(sign * reached, np.floor(limit) if _whole(action) else limit)
    reached = np.round(reached, _TIDY)
    better = sign * np.diff(reached, prepend=value) > 0
    if action.per != 1:
        # What people count is whole: no third of a month.
        counted = np.abs(reached - value) * action.per
        better &= np.abs(counted - np.rint(counted)) < _WHOLE
    return reached[better], (count * action.effort)[better]


def _whole(action: Action) -> bool:
    return describe(action.indicator).unit == "count"
