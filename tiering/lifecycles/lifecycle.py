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
        place = {stage.id: index for index, stage in enumerate(self.stages)}
        by_id = {stage.id: stage for stage in self.stages}
        *tried, otherwise = self.precedence
        found = np.full(n, place[otherwise], dtype=np.intp)
        for stage_id in reversed(tried):
            found[_holds(by_id[stage_id], values, n)] = place[stage_id]
        return found


def _holds(stage: Stage, values: Mapping[str, FloatArray], n: int) -> BoolArray:
    any_of = np.zeros(n, dtype=np.bool_)
    for every in stage.conditions:
        all_of = np.ones(n, dtype=np.bool_)
        for condition in every:
            all_of &= condition.holds(values.get(condition.indicator), n)
        any_of |= all_of
    return any_of
