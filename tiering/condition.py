"""One condition on one indicator: ``tenure_days < 90``, ``csat_mean_365d unknown``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.schema import CATALOGUE, PREDICTIONS, FloatArray
from tiering.errors import Fault, PolicyError

BoolArray = npt.NDArray[np.bool_]

_TEXT = re.compile(r"([a-z][a-z0-9_]*) (?:(>=|<) (-?[0-9]+(?:\.[0-9]+)?)|unknown)")


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with a limit, or a question for missing data (then the limit is 0)."""

    indicator: str
    sign: Literal[">=", "<", "unknown"]
    limit: float = 0.0

    def holds(self, column: FloatArray | None, n: int) -> BoolArray:
        """Return where it holds, ``(n,)``; a comparison with an unknown value does not.

        Parameters
        ----------
        column
            ``(n,)`` values of the indicator; None is unknown for everybody.
        """
        if column is None:
            return np.full(n, self.sign == "unknown")
        if self.sign == "unknown":
            return np.isnan(column)
        compare = np.greater_equal if self.sign == ">=" else np.less
        return np.asarray(compare(column, self.limit))

    def holds_of(self, value: float | None) -> bool:
        """Return :meth:`holds` of one value; None and NaN are unknown."""
        if self.sign == "unknown":
            return value is None or isnan(value)
        if value is None:
            return False
        return value >= self.limit if self.sign == ">=" else value < self.limit


@lru_cache(maxsize=4_096)
def parse_condition(text: str) -> Condition:
    """Read a condition; policies ask for theirs again with every customer.

    Raises
    ------
    PolicyError
        If the text is none.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise PolicyError(
            f"{text!r} is no condition.",
            hint="Write 'indicator >= 3', 'indicator < 3' or 'indicator unknown'.",
            condition=text,
        )
    name, sign, limit = found.groups()
    if sign is None:
        return Condition(name, "unknown")
    return Condition(name, ">=" if sign == ">=" else "<", float(limit))


def condition_faults(place: str, text: str) -> Iterator[Fault]:
    """Yield what is wrong with a condition standing at a place of a policy file."""
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    if condition.indicator not in CATALOGUE and condition.indicator not in PREDICTIONS:
        yield Fault(place, f"{condition.indicator!r} is not in the catalogue.")
