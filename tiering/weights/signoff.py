"""Signing a record of weights, and the weights that a signed one gives to a scheme (#39, #65)."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from tiering.errors import Fault, WeightsError
from tiering.weights.documents import read, refuse
from tiering.weights.record import Evidence, Signature, WeightRecord, record_faults
from tiering.weights.rules import SignoffRules
from tiering.weights.simplex import largest_remainder

State = Literal["draft", "signed"]


def draw_up(
    scheme: str,
    dimensions: Mapping[str, float],
    rule: SignoffRules,
    *,
    by: str,
    at: datetime,
    previous: WeightRecord | None = None,
    indicators: Mapping[str, Mapping[str, float]] | None = None,
    evidence: Evidence | None = None,
    note: str = "",
    simulated: bool = False,
) -> WeightRecord:
    """Return the draft of a new version.

    Parameters
    ----------
    at
        Timezone-aware instant.
    previous
        The version before, which must be signed.

    Raises
    ------
    WeightsError
        If the content breaks a rule (all faults are listed), or the version before is a draft.
    """
    if previous is not None and state(previous) == "draft":
        raise WeightsError(
            f"Version {previous.version} is a draft and cannot have a successor.",
            hint="Sign it, or change it and draw it up again under its own number.",
        )
    content: dict[str, Any] = {
        "scheme": scheme,
        "version": previous.version + 1 if previous else 1,
        "previous": previous.digest if previous else "",
        "drawn_up_by": by,
        "drawn_up_at": at,
        "note": note,
        "simulated": simulated,
        "dimensions": dict(dimensions),
        "indicators": {name: dict(inside) for name, inside in (indicators or {}).items()},
        "evidence": evidence or Evidence(),
        "rule": rule,
    }
    return _sound(content, previous)


def sign(record: WeightRecord, *, by: str, role: str, at: datetime) -> WeightRecord:
    """Return a record with one more signature.

    Raises
    ------
    WeightsError
        If this person drew it up or has signed before, the instant is before the draft or the
        latest signature, or a field is no text.
    """
    faults: list[Fault] = []
    if person(by) == person(record.drawn_up_by):
        faults.append(Fault("by", f"{by} drew it up, and does not count among the signers."))
    if person(by) in {person(each.by) for each in record.signatures}:
        faults.append(Fault("by", f"{by} has already signed."))
    before = record.signatures[-1].sha256 if record.signatures else ""
    content = {"by": by, "role": role, "at": at, "digest": record.digest, "previous": before}
    signature = read(Signature, content, "", faults)
    latest = max([record.drawn_up_at, *(each.at for each in record.signatures)])
    if signature is not None and signature.at < latest:
        faults.append(Fault("at", f"is before {latest:%Y-%m-%d %H:%M} UTC, the latest entry."))
    if signature is None or faults:
        raise refuse("This signature", faults, "Somebody else must sign, with name and role.")
    return record.model_copy(update={"signatures": (*record.signatures, signature)})


def lacking(record: WeightRecord) -> str:
    """Return in words what a record lacks to be signed; empty if it is."""
    people = {person(each.by) for each in record.signatures} - {person(record.drawn_up_by)}
    given = {each.role for each in record.signatures if person(each.by) in people}
    roles = [role for role in record.rule.roles if role not in given]
    told = []
    if len(people) < record.rule.signers:
        told.append(f"{len(people)} of {record.rule.signers} signatures")
    if roles:
        told.append(f"nobody has signed as {', '.join(roles)}")
    return "; ".join(told)


def state(record: WeightRecord) -> State:
    """Return whether a record is a draft or signed by as many and such people as its rule asks."""
    return "draft" if lacking(record) else "signed"


def dimension_weights(record: WeightRecord) -> dict[str, float]:
    """Return a scheme's weight of each dimension: decimals that sum to exactly 1.

    Rounded by the largest remainder to ``rule.decimals`` digits.

    Raises
    ------
    WeightsError
        If the record is a draft.
    """
    _must_be_signed(record)
    return rounded(record.dimensions, record.rule.decimals)


def indicator_weights(record: WeightRecord) -> dict[str, dict[str, float]]:
    """Return the indicators' weights of every dimension in which they change, likewise.

    Raises
    ------
    WeightsError
        If the record is a draft.
    """
    _must_be_signed(record)
    decimals = record.rule.decimals
    return {name: rounded(weights, decimals) for name, weights in record.indicators.items()}


def rounded(weights: Mapping[str, float], decimals: int) -> dict[str, float]:
    """Return weights, as decimals of so many digits that sum to exactly 1 when written out.

    A weight that is not 0 keeps one unit of the last digit: it must not vanish by rounding.
    """
    units = 10**decimals
    values = np.array(list(weights.values()), dtype=np.float64)
    counts = largest_remainder(values / values.sum(), units)
    lost = (counts == 0) & (values > 0)
    counts[lost] = 1
    counts[counts.argmax()] -= int(lost.sum())
    return {name: int(count) / units for name, count in zip(weights, counts, strict=True)}


def check_chain(records: Sequence[WeightRecord]) -> None:
    """Check that records are successive versions for one scheme, oldest first.

    Raises
    ------
    WeightsError
        If one does not follow from the one before, or has a successor and is a draft.
    """
    faults = []
    for before, after in pairwise(records):
        place = f"version {after.version}"
        if (after.scheme, after.version) != (before.scheme, before.version + 1):
            faults.append(Fault(place, f"does not succeed version {before.version}."))
        if after.previous != before.digest:
            faults.append(Fault(place, "names another version before it: one was altered."))
        if state(before) == "draft":
            faults.append(Fault(f"version {before.version}", "is a draft with a successor."))
    if faults:
        raise refuse("The history of weights", faults, "Restore the records from a backup.")


def person(name: str) -> str:
    """Return what spellings of one name have in common: case, width and spaces aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _must_be_signed(record: WeightRecord) -> None:
    wanting = lacking(record)
    if wanting:
        raise WeightsError(
            f"Version {record.version} of the weights is a draft: {wanting}.",
            hint="No weight is applied before it is signed.",
        )


def _sound(content: Mapping[str, Any], previous: WeightRecord | None) -> WeightRecord:
    faults: list[Fault] = []
    record = read(WeightRecord, content, "", faults)
    if record is not None:
        faults += record_faults(record)
        if previous is not None and previous.scheme != record.scheme:
            faults.append(Fault("scheme", f"is {previous.scheme!r} in the version before."))
        if previous is not None and record.drawn_up_at < previous.signatures[-1].at:
            faults.append(Fault("drawn_up_at", "is before the version before was signed."))
        if not faults:
            return record
    raise refuse("The draft", faults, "Mend what is named and draw it up again.")
