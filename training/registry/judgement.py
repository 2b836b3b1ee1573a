"""The gate report of a promotion: what was checked, and who answered for it, kept for good.

Written whenever a promotion is decided, be it carried out or refused: an artifact of the
version's run, named by its own SHA-256. The ledger's line of the decision carries that digest
(``training/registry/ledger.py``), so that a report that was edited, or put in another's place,
does not pass for the one that was decided on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from training.errors import RegistryError
from training.evaluation.verdict import GateReport
from training.registry.ledger import LedgerEntry
from training.registry.versions import ModelVersion

SCHEMA_VERSION = 1
FOLDER = "gate_reports"
"""Artifact folder of a version's run."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision about a promotion with everything it rested on.

    Attributes
    ----------
    model, version, bundle_digest
        What was judged.
    decision
        ``promote`` or ``refuse``.
    by, reason
        Who asked for the promotion, and why.
    mode
        Rule in force: ``development`` or ``production``.
    against
        Version of the champion it was judged against; None if there was none.
    lacking
        Approvals that were missing, in words; empty if none.
    approvals
        Each approval in force: ``at``, ``by``, ``reason``, ``account``.
    gates
        Every gate with value, limit and verdict, and what could not be judged.
    """

    model: str
    version: int
    bundle_digest: str
    decision: Literal["promote", "refuse"]
    by: str
    reason: str
    mode: str
    against: int | None
    lacking: str
    approvals: tuple[Mapping[str, str], ...]
    gates: GateReport

    @classmethod
    def of(
        cls,
        version: ModelVersion,
        present: ModelVersion | None,
        gates: GateReport,
        lacking: str,
        approvals: Sequence[LedgerEntry],
        mode: str,
        by: str,
        reason: str,
    ) -> Judgement:
        """Judge the promotion of a version over the present champion."""
        names = ("at", "by", "reason", "account")
        return cls(
            model=version.model,
            version=version.version,
            bundle_digest=version.tags.get("bundle_digest", ""),
            decision="promote" if gates.passed and not lacking else "refuse",
            by=by,
            reason=reason,
            mode=mode,
            against=None if present is None else present.version,
            lacking=lacking,
            approvals=tuple({name: getattr(e, name) for name in names} for e in approvals),
            gates=gates,
        )

    @property
    def forbidden_by(self) -> list[str]:
        """What forbade it: gates with value and limit, else the approvals that are missing."""
        if self.gates.passed:
            return [self.lacking] if self.lacking else []
        return [check.summary() for check in self.gates.failed] or ["none was judged"]

    @property
    def text(self) -> str:
        """The report as it is stored, JSON."""
        document = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        document["gates"] = self.gates.to_dict()
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @property
    def sha256(self) -> str:
        """SHA-256 of the stored text, hex."""
        return _digest(self.text)

    @property
    def tags(self) -> dict[str, str]:
        """What the version says of it at a glance."""
        passed = sum(check.passed for check in self.gates.checks)
        return {
            "gates": "passed" if self.gates.passed else "failed",
            "gates_passed": f"{passed} of {len(self.gates.checks)}",
            "gate_report": place(self.sha256),
            "decision": self.decision,
            "decided_by": self.by,
            "approved_by": ", ".join(each["by"] for each in self.approvals),
        }


def place(sha256: str) -> str:
    """Return the artifact path of a report."""
    return f"{FOLDER}/{sha256}.json"


def last_report(entries: Sequence[LedgerEntry], version: int) -> LedgerEntry | None:
    """Return the latest decision about a version that left a gate report, or None."""
    kept = [e for e in entries if e.version == version and e.gate_report_sha256]
    return kept[-1] if kept else None


def read(text: str, sha256: str) -> Judgement:
    """Read a stored report that a ledger line vouches for.

    Raises
    ------
    RegistryError
        If it is not the text that was decided on.
    """
    if _digest(text) != sha256:
        raise RegistryError(
            f"The gate report {sha256[:12]} is not the one that was decided on: it was changed.",
            hint="Restore the artifact folder from a backup.",
            expected=sha256,
        )
    document: dict[str, Any] = json.loads(text)
    document.pop("schema_version")
    gates = GateReport.from_dict(document["gates"])
    return Judgement(**{**document, "approvals": tuple(document["approvals"]), "gates": gates})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
