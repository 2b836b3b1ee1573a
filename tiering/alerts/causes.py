"""Why a customer buys less: by its own adjustment, or lost to a competitor (#85).

A transparent count of evidence, no model: each piece speaks for one cause with a weight, and
the cause that leads clearly enough is named. Evidence that the data cannot tell speaks for
nobody; where the rest is thin or speaks for both, the cause is *undetermined*, and people ask.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from pydantic import Field

from features.schema import CATALOGUE, PREDICTIONS, FloatArray
from tiering.alerts.catalogue import Frozen, Labelled, Language
from tiering.condition import BoolArray, parse_condition
from tiering.errors import Fault, PolicyError
from tiering.policy_text import parse_policy

UNDETERMINED = -1


class Cause(Labelled):
    """A reason to buy less, and what to do about it."""

    id: str
    playbook_en: str = Field(min_length=1)
    playbook_zh: str = Field(min_length=1)

    def playbook(self, language: Language) -> str:
        """Return what to do, in a language."""
        return self.playbook_zh if language == "zh" else self.playbook_en


class Evidence(Labelled):
    """A fact that speaks for a cause where all its conditions hold."""

    id: str
    cause: str
    weight: float = Field(gt=0.0, allow_inf_nan=False)
    when: tuple[str, ...] = Field(min_length=1)


class CausePolicy(Frozen):
    """Causes and the evidence for them.

    Attributes
    ----------
    least
        Weight that the evidence for a cause must reach to be named.
    lead
        Weight by which it must lead the next cause.
    """

    id: str
    version: str
    least: float = Field(gt=0.0)
    lead: float = Field(gt=0.0)
    causes: tuple[Cause, ...] = Field(min_length=2)
    evidence: tuple[Evidence, ...] = Field(min_length=2)


@dataclass(frozen=True, slots=True, eq=False)
class Causes:
    """The causes of ``n`` customers' drops.

    Attributes
    ----------
    policy
        What decided.
    cause
        ``(n,)`` index into its causes; -1 where undetermined.
    weight
        ``(n, k)`` what speaks for each cause.
    holds, known
        ``(n, e)`` whether each piece of evidence holds, and whether the data can tell.
    """

    policy: CausePolicy
    cause: npt.NDArray[np.intp]
    weight: FloatArray
    holds: BoolArray
    known: BoolArray

    def of(self, row: int) -> Cause | None:
        """Return the cause of a customer's drop; None where it is undetermined."""
        place = int(self.cause[row])
        return None if place == UNDETERMINED else self.policy.causes[place]

    def evidence(self, row: int) -> tuple[Evidence, ...]:
        """Return what holds of a customer, whichever cause it speaks for."""
        return tuple(self.policy.evidence[place] for place in np.flatnonzero(self.holds[row]))


def split_causes(policy: CausePolicy, values: Mapping[str, FloatArray], n: int) -> Causes:
    """Name the cause of each customer's drop; who has none is for the caller to leave out.

    Parameters
    ----------
    values
        Indicator or prediction to ``(n,)`` values, NaN where unknown; an absent column is
        unknown for everybody.
    """
    holds = np.zeros((n, len(policy.evidence)), dtype=np.bool_)
    known = np.zeros_like(holds)
    weight = np.zeros((n, len(policy.causes)))
    place = {cause.id: index for index, cause in enumerate(policy.causes)}
    for column, evidence in enumerate(policy.evidence):
        conditions = [parse_condition(text) for text in evidence.when]
        told = [values.get(condition.indicator) for condition in conditions]
        known[:, column] = np.logical_and.reduce(
            [np.zeros(n, dtype=np.bool_) if x is None else np.isfinite(x) for x in told]
        )
        holds[:, column] = np.logical_and.reduce(
            [condition.holds(x, n) for condition, x in zip(conditions, told, strict=True)]
        )
        weight[:, place[evidence.cause]] += evidence.weight * holds[:, column]
    ranked = np.sort(weight, axis=1)
    clear = (ranked[:, -1] >= policy.least) & (ranked[:, -1] - ranked[:, -2] >= policy.lead)
    cause = np.where(clear, weight.argmax(axis=1), UNDETERMINED)
    return Causes(policy, cause, weight, holds, known)


@cache
def packaged_causes() -> CausePolicy:
    """Return the policy of the package."""
    return parse_causes((files("tiering.alerts") / "causes.toml").read_text("utf-8"))


def parse_causes(text: str, *, origin: str = "causes") -> CausePolicy:
    """Read a policy from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        CausePolicy,
        _faults,
        what="Cause policy",
        origin=origin,
        pattern="tiering/alerts/causes.toml",
    )


def _faults(policy: CausePolicy) -> Iterator[Fault]:
    entries: tuple[tuple[str, tuple[Cause | Evidence, ...]], ...] = (
        ("causes", policy.causes),
        ("evidence", policy.evidence),
    )
    for table, rows in entries:
        for name, count in Counter(row.id for row in rows).items():
            if count > 1:
                yield Fault(f"{table}.id", f"{name!r} stands {count} times.")
        for row in rows:
            if not row.label_en.strip() or not row.label_zh.strip():
                yield Fault(f"{table}.{row.id}", "needs label_en and label_zh.")
    ids = [cause.id for cause in policy.causes]
    for evidence in policy.evidence:
        if evidence.cause not in ids:
            yield Fault(f"evidence.{evidence.id}.cause", f"{evidence.cause!r} is no cause here.")
        for text in evidence.when:
            yield from _condition(f"evidence.{evidence.id}.when", text)
    for cause in ids:
        total = sum(e.weight for e in policy.evidence if e.cause == cause)
        if total < policy.least:
            yield Fault(
                f"causes.{cause}", f"its evidence weighs {total:g}, below {policy.least:g}."
            )


def _condition(place: str, text: str) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    if condition.indicator not in CATALOGUE and condition.indicator not in PREDICTIONS:
        yield Fault(place, f"{condition.indicator!r} is not in the catalogue.")
    if condition.sign == "unknown":
        yield Fault(place, f"{text!r}: missing data are no evidence.")
