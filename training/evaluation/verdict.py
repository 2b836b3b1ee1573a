"""The verdict on a version: each gate a figure, a limit and an advice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One gate.

    Attributes
    ----------
    name
        Dotted, for instance ``churn.ece`` or ``stress.demand_minus_30.unchanged``.
    passed
        Whether ``value`` keeps ``limit``.
    value
        What was measured; NaN fails.
    limit
        What is allowed.
    relation
        ``<=`` or ``>=``: how the value must stand to the limit.
    message
        What the figure is, and what to do if it fails.
    """

    name: str
    passed: bool
    value: float
    limit: float
    relation: str
    message: str

    def summary(self) -> str:
        """Return name, value and limit in a few words."""
        return f"{self.name} = {self.value:.4g}, must be {self.relation} {self.limit:.4g}"


@dataclass(frozen=True, slots=True)
class GateReport:
    """All gates of one judgement, and what could not be judged."""

    checks: tuple[GateCheck, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate passed; a report without checks does not."""
        return bool(self.checks) and not self.failed

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The gates that failed."""
        return tuple(check for check in self.checks if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data; a NaN becomes None."""
        document = asdict(self) | {"passed": self.passed}
        for check in document["checks"]:
            check["value"] = None if math.isnan(check["value"]) else check["value"]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> GateReport:
        """Read what :meth:`to_dict` wrote."""
        checks = (
            GateCheck(**{**check, "value": math.nan if check["value"] is None else check["value"]})
            for check in document["checks"]
        )
        return cls(tuple(checks), tuple(document["notes"]))


def at_most(name: str, value: float, limit: float, message: str) -> GateCheck:
    """Return a gate whose value may not exceed a limit."""
    return GateCheck(name, bool(value <= limit), float(value), float(limit), "<=", message)


def at_least(name: str, value: float, limit: float, message: str) -> GateCheck:
    """Return a gate whose value must reach a limit."""
    return GateCheck(name, bool(value >= limit), float(value), float(limit), ">=", message)
