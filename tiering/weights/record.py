"""A set of weights on record: what, why, by whom, since when, and that nobody altered it (#39).

A record's ``digest`` is the SHA-256 of its content; each signature carries it, so a signature is
for exactly these weights, and carries the digest of the signature before. ``seal`` covers
content and signatures. The next version names the digest of the one before. A seal shows
alteration to whoever kept a digest elsewhere (the next version, a ticket, the minutes of the
panel); it does not stop somebody from writing a whole new history.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field

from tiering import toml_text
from tiering.errors import Fault, WeightsError
from tiering.weights.documents import Frozen, read, refuse
from tiering.weights.rules import SignoffRules

_Share = Annotated[float, Field(ge=0, le=1)]
_Text = Annotated[str, Field(min_length=1)]
_Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
_TOLERANCE = 1e-9


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


_Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""Aware in, UTC kept: two spellings of one instant have one digest."""


class RoundEvidence(Frozen):
    """One Delphi round; ``w`` and ``p_value`` are left out where W is undefined."""

    round: int
    members: int
    w: _Share | None = None
    p_value: _Share | None = None
    disputed: tuple[str, ...] = ()


class DelphiEvidence(Frozen):
    """A Delphi panel."""

    rounds: tuple[RoundEvidence, ...]
    verdict: str
    short: Mapping[str, int] = Field(default_factory=dict)


class AhpEvidence(Frozen):
    """Pairwise comparisons."""

    members: int
    consistency_ratio: Annotated[float, Field(ge=0)]
    left_out: int = 0


class DataEvidence(Frozen):
    """The regression: the digest of its report, rows, horizon, weights."""

    report_sha256: _Digest = ""
    n: int
    horizon_days: int
    weights: Mapping[str, float] = Field(default_factory=dict)
    expert_spearman: float | None = None
    data_spearman: float | None = None


class BlendEvidence(Frozen):
    """The blend: the data's share, intervals, and dimensions that the floor lifted."""

    data_share: _Share
    intervals: Mapping[str, tuple[float, float]]
    raised: tuple[str, ...] = ()
    assumed_spread: bool = False


class Evidence(Frozen):
    """What the weights rest on; what was not done is left out."""

    delphi: DelphiEvidence | None = None
    ahp: AhpEvidence | None = None
    data: DataEvidence | None = None
    blend: BlendEvidence | None = None


class Signature(Frozen):
    """Who stands for a record, in which role, since when; ``previous`` chains them."""

    by: _Text
    role: _Text
    at: _Instant
    digest: _Digest
    previous: _Digest = ""

    @property
    def sha256(self) -> str:
        """Digest of the signature."""
        return digest_of(self.model_dump(mode="json"))


class WeightRecord(Frozen):
    """A versioned set of weights.

    Attributes
    ----------
    scheme
        Id of the scheme it is for.
    version
        1 and up.
    previous
        Digest of the version before; empty for the first.
    drawn_up_by, drawn_up_at
        Who made the draft; does not count among the signers.
    dimensions
        Dimension to weight, summing to 1.
    indicators
        Dimension to indicator to weight, each summing to 1; only where they change (#65).
    rule
        Who must sign. It is part of the content: a milder rule of later does not apply.
    """

    scheme: _Text
    version: Annotated[int, Field(ge=1)]
    previous: _Digest = ""
    drawn_up_by: _Text
    drawn_up_at: _Instant
    note: str = ""
    simulated: bool = False
    dimensions: Annotated[Mapping[str, _Share], Field(min_length=1)]
    indicators: Mapping[str, Mapping[str, _Share]] = Field(default_factory=dict)
    evidence: Evidence = Evidence()
    rule: SignoffRules
    signatures: tuple[Signature, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content without signatures, hex."""
        return digest_of(self.model_dump(mode="json", exclude={"signatures"}))

    @property
    def seal(self) -> str:
        """SHA-256 of content and signatures, hex."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of JSON-able content, hex; the order of keys does not matter."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def to_document(record: WeightRecord) -> dict[str, Any]:
    """Return a record as JSON-able data with its ``digest`` and ``seal``; nulls are left out."""
    document: dict[str, Any] = record.model_dump(mode="json", exclude_none=True)
    return {**document, "digest": record.digest, "seal": record.seal}


def to_json(record: WeightRecord) -> str:
    """Return a record as JSON text."""
    return json.dumps(to_document(record), ensure_ascii=False, indent=2) + "\n"


def to_toml(record: WeightRecord) -> str:
    """Return a record as TOML text."""
    return toml_text.to_toml(to_document(record))


def read_record(text: str, *, origin: str = "The record") -> WeightRecord:
    """Read a record from JSON or TOML text and check that nobody altered it.

    Raises
    ------
    WeightsError
        If the text is neither, breaks a rule (all faults are listed), or differs from what its
        digest, seal or signatures were made of.
    """
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except ValueError as error:
        raise WeightsError(f"{origin} is neither JSON nor TOML: {error}.") from error
    told = {key: document.pop(key, "") for key in ("digest", "seal")}
    faults: list[Fault] = []
    record = read(WeightRecord, document, "", faults)
    if record is not None:
        faults += record_faults(record)
        faults += _altered(record, told)
        if not faults:
            return record
    raise refuse(origin, faults, "Take an unaltered copy, or draw up a new version.")


def record_faults(record: WeightRecord) -> Iterator[Fault]:
    """Yield what is wrong with the content."""
    sums = {"dimensions": record.dimensions}
    sums |= {f"indicators.{name}": weights for name, weights in record.indicators.items()}
    for place, weights in sums.items():
        total = math.fsum(weights.values())
        if abs(total - 1) > _TOLERANCE:
            yield Fault(place, f"sum to {total:g}, not 1.")
    for name in record.indicators:
        if name not in record.dimensions:
            yield Fault(f"indicators.{name}", "is no dimension of this record.")
    if (record.version == 1) != (record.previous == ""):
        yield Fault("previous", "names the version before; only the first has none.")


def _altered(record: WeightRecord, told: Mapping[str, str]) -> Iterator[Fault]:
    if told["digest"] != record.digest:
        yield Fault("digest", "is not of this content: it was altered.")
    if told["seal"] != record.seal:
        yield Fault("seal", "is not of this content and these signatures: they were altered.")
    before = ""
    for index, signature in enumerate(record.signatures):
        if signature.digest != record.digest:
            yield Fault(f"signatures[{index}]", f"of {signature.by} is for other content.")
        if signature.previous != before:
            yield Fault(f"signatures[{index}]", "does not follow from the one before.")
        before = signature.sha256
