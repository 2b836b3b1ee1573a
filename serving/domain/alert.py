"""An alert of a customer as it is kept: what was told, where it stands, what people did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tiering.alerts.lifecycle import Outcome, Standing


@dataclass(frozen=True, slots=True)
class CustomerAlert:
    """An alert of a customer; at most one of a kind is not yet cleared.

    Attributes
    ----------
    kind
        Id of the alert in the catalogue.
    catalogue
        ``id@version`` of the catalogue that raised it last.
    run_id
        The latest run that raised it.
    tier_id
        Of that run.
    standing
        Where it stands.
    texts, thresholds
        What was told, and the limit that was passed, by language (``en``, ``zh-CN``).
    numbers
        The indicators it asked for, as they were.
    cause, evidence
        Of a drop in purchases: the cause by rule (None: undetermined) and what speaks for
        either (#85).
    stated_cause, industry
        What people found and filed; None until then.
    """

    alert_id: str
    customer_id: str
    kind: str
    catalogue: str
    run_id: str
    tier_id: str
    standing: Standing
    texts: Mapping[str, str]
    thresholds: Mapping[str, str]
    numbers: Mapping[str, float | None]
    cause: str | None = None
    evidence: tuple[str, ...] = ()
    stated_cause: str | None = None
    industry: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Customer and kind."""
        return self.customer_id, self.kind


@dataclass(frozen=True, slots=True)
class AlertAction:
    """What somebody did about an alert; never changed afterwards (#89).

    Attributes
    ----------
    sequence
        1, 2, ... within the alert.
    action
        ``acknowledged``, ``analysed`` or ``resolved``.
    """

    alert_id: str
    sequence: int
    at: datetime
    actor: str
    action: str
    note: str
    cause: str | None = None
    measure: str | None = None
    outcome: Outcome | None = None
