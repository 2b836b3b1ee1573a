"""A canary: a second model that grades, and is served to, a share of the customers (#75).

Who is in the share is decided by a salted hash of the customer's id, so that the same customer
always falls on the same side; with a larger share others come to it and nobody leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from serving.domain.basis import Basis, LayoutEntry

CANARY = "canary"
"""The side of a grade that the canary gave; the champion's have none."""
PLACES = 10_000
"""Places a customer may fall on: a share is a number of them, hundredths of a percent."""


def place_of(salt: str, customer_id: str) -> int:
    """Return where a customer falls, 0 to `PLACES` - 1, each about as likely."""
    digest = hashlib.sha256(f"{salt}\0{customer_id}".encode()).digest()
    # 64 bits over 10 000 places: their chances differ by less than 1e-15.
    return int.from_bytes(digest[:8]) % PLACES


class CanaryEnding(StrEnum):
    """How a canary ended."""

    STOPPED = "stopped"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class CanaryPlan:
    """Which model is tried on which share of the customers.

    Attributes
    ----------
    model_version
        Registry version; None when the bundle was never registered.
    share
        Of `PLACES`: 250 are 2.5 %.
    salt
        What decides, with a customer's id, on which side it falls.
    started_at, ended_at
        Instants, naive UTC.
    """

    plan_id: str
    bundle_digest: str
    model_version: str | None
    share: int
    salt: str
    started_at: datetime
    started_by: str
    reason: str
    ended_at: datetime | None = None
    ended_by: str | None = None
    ending: CanaryEnding | None = None

    def takes(self, customer_id: str) -> bool:
        """Tell whether the canary grades a customer."""
        return place_of(self.salt, customer_id) < self.share

    @property
    def percent(self) -> float:
        """The share in percent."""
        return 100.0 * self.share / PLACES


@dataclass(frozen=True, slots=True)
class Canary:
    """The second model of a run, and whom it graded.

    Attributes
    ----------
    basis, layout, columns, explainer
        As those of the run, for the customers that it graded. Data, scheme and horizons are
        the same on both sides; model, columns and explanations are the canary's own.
    share, salt
        As they were in the plan while the run was graded.
    customers, referred
        How many it graded, and how many of them people look at.
    """

    plan_id: str
    basis: Basis
    layout: tuple[LayoutEntry, ...]
    columns: tuple[str, ...]
    explainer: str
    share: int
    salt: str
    customers: int
    referred: int


@dataclass(frozen=True, slots=True)
class CanaryReport:
    """Both sides of a canary side by side, as `serving.canary.comparison` has it.

    Attributes
    ----------
    run_id
        The newest run it looked at.
    made_at
        Instant, naive UTC.
    """

    plan_id: str
    run_id: str
    made_at: datetime
    comparison: Mapping[str, Any]
