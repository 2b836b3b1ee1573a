"""Where a customer stands in its life with us: stages by rule (requirements #36, #37).

A policy is a TOML of ``tiering/lifecycles`` (``six.toml`` explains the format): stages, and
conditions on indicators that are tried in the order of ``precedence``. The first stage whose
conditions hold is the customer's, the last has none: every customer has exactly one.

Customers without any purchase (潜在, prospects) are not in an indicator frame; the quality
report of the sources counts them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from features.schema import FloatArray
from tiering.condition import BoolArray, Condition, parse_condition


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stage(_Frozen):
    """One stage of a lifecycle.

    Attributes
    ----------
    id
        Unique inside its policy (X9).
    when
        Alternatives, each a list of conditions that must all hold; empty in the stage of all
        those for whom no other holds.
    """

    id: str
    label_en: str = ""
    label_zh: str = ""
    when: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def conditions(self) -> tuple[tuple[Condition, ...], ...]:
        """``when`` as read."""
        return tuple(tuple(map(parse_condition, every)) for every in self.when)


class Lifecycle(_Frozen):
    """A versioned policy of stages; what it must keep: ``tiering/lifecycles/lifecycle_file.py``.

    Attributes
    ----------
    stages
        As a customer passes through them.
    precedence
        Ids of all stages in the order they are tried.
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    precedence: tuple[str, ...]
    stages: tuple[Stage, ...]

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the content, labels included; the TOML's layout does not matter."""
        content = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def indicators(self) -> frozenset[str]:
        """Indicators and predictions the stages depend on."""
        return frozenset(
            condition.indicator
            for stage in self.stages
            for every in stage.conditions
            for condition in every
        )

    def assign(self, values: Mapping[str, FloatArray], n: int) -> npt.NDArray[np.intp]:
        """Return the index into ``stages`` of each customer, ``(n,)``.

        Parameters
        ----------
        values
            Indicator (or prediction) name to ``(n,)`` values, NaN where unknown; an absent
            column is unknown for everybody.
        """
        if n == 1:
            asked = [(name, values.get(name)) for name in self.asked]
            known = {name: None if column is None else column.item(0) for name, column in asked}
            return np.array([self.stage_of_one(known)], dtype=np.intp)
        found = np.full(n, self.otherwise, dtype=np.intp)
        for place, stage in reversed(self.tried):
            found[_holds(stage, values, n)] = place
        return found

    def stage_of_one(self, known: Mapping[str, float | None]) -> int:
        """Return the stage of one customer; numpy would take a microsecond for each condition.

        Parameters
        ----------
        known
            Values by name; None, NaN and what is absent are unknown.
        """
        for place, stage in self.tried:
            for every in stage.conditions:
                for condition in every:
                    if not condition.holds_of(known.get(condition.indicator)):
                        break
                else:
                    return place
        return self.otherwise

    @cached_property
    def tried(self) -> tuple[tuple[int, Stage], ...]:
        """The stages that have conditions, as they are tried, with their index."""
        place = {stage.id: index for index, stage in enumerate(self.stages)}
        return tuple((place[name], self.stages[place[name]]) for name in self.precedence[:-1])

    @cached_property
    def otherwise(self) -> int:
        """Index of the stage that takes all the rest."""
        return [stage.id for stage in self.stages].index(self.precedence[-1])

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """Names of :attr:`indicators`."""
        return tuple(sorted(self.indicators))


def _holds(stage: Stage, values: Mapping[str, FloatArray], n: int) -> BoolArray:
    any_of = np.zeros(n, dtype=np.bool_)
    for every in stage.conditions:
        all_of = np.ones(n, dtype=np.bool_)
        for condition in every:
            all_of &= condition.holds(values.get(condition.indicator), n)
        any_of |= all_of
    return any_of
