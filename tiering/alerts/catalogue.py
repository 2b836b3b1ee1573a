"""The catalogue of early-warning alerts: what is watched, from which limit on, and who acts.

A catalogue is a TOML file (``twelve.toml`` explains the format) of exactly twelve alerts (#80,
X7). An alert has levels, the gravest first; a level holds for all customers or for the best
tiers only (X4), and names its conditions, its colour, who has to respond, and by when.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tiering.condition import Condition, parse_condition

Severity = Literal["yellow", "orange", "red"]
Language = Literal["en", "zh"]

SEVERITIES: tuple[Severity, ...] = ("yellow", "orange", "red")
"""Colours of alerts, the mildest first."""

HEALTH = "health_score"
"""What an alert may ask for beside indicators and predictions: :mod:`tiering.health`."""


class Frozen(BaseModel):
    """Root of what is read from a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Labelled(Frozen):
    """A name in both languages."""

    label_en: str = ""
    label_zh: str = ""

    def label(self, language: Language) -> str:
        """Return the name in a language."""
        return self.label_zh if language == "zh" else self.label_en


class Level(Frozen):
    """From where on an alert is raised, how grave it is, and what is owed then.

    Attributes
    ----------
    severity
        ``yellow``, ``orange`` or ``red``.
    when
        Alternatives, each a list of conditions that must all hold.
    top_tiers
        Only customers in this many of the best tiers of whichever scheme graded them; None
        for everybody.
    tiers
        Only customers of these tiers, written ``scheme:tier``: ids are scoped to their
        scheme (X9). Empty for everybody.
    owner
        Role that responds.
    escalates_to
        Role that takes over when nobody has responded by then.
    response_hours, response_working_days
        Time to respond; one of the two.
    needs_analysis
        Whether the response is a written analysis of the cause, without which the alert
        cannot be resolved (#78).
    """

    severity: Severity
    when: tuple[tuple[str, ...], ...]
    top_tiers: int | None = None
    tiers: tuple[str, ...] = ()
    owner: str
    escalates_to: str
    response_hours: int | None = None
    response_working_days: int | None = None
    needs_analysis: bool = False

    @property
    def conditions(self) -> tuple[tuple[Condition, ...], ...]:
        """``when`` as read."""
        return tuple(tuple(map(parse_condition, every)) for every in self.when)


class Alert(Labelled):
    """One of the twelve.

    Attributes
    ----------
    requirement
        Rows of the requirements it answers: ``#76, #78, X4``.
    text_en, text_zh
        What is told of a customer; ``{net_amount_drop_2m}`` stands for the customer's value
        of an indicator.
    playbook_en, playbook_zh
        What to do.
    levels
        The gravest first; the first that holds is the customer's.
    """

    id: str
    requirement: str = ""
    text_en: str = ""
    text_zh: str = ""
    playbook_en: str = ""
    playbook_zh: str = ""
    levels: tuple[Level, ...] = ()

    def text(self, language: Language) -> str:
        """Return the template of a language."""
        return self.text_zh if language == "zh" else self.text_en

    def playbook(self, language: Language) -> str:
        """Return what to do, in a language."""
        return self.playbook_zh if language == "zh" else self.playbook_en


class AlertCatalogue(Frozen):
    """A versioned set of twelve alerts; what it must keep: ``tiering/alerts/catalogue_file.py``.

    Attributes
    ----------
    quiet_days
        After an alert was resolved, days for its numbers to recover: one whose condition
        still holds then is opened again, and not before unless it got graver.
    live_limit
        An alert is opened while fewer than so many of its kind, at least as grave, are live.
        When more are raised, the gravest come first, then the best tiers, then the largest
        customers; the others wait, and their number is told.
    roles
        Who responds, by id.
    measures
        What can be done about an alert, by id; the case library counts what helped.
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    quiet_days: int
    live_limit: int
    roles: Mapping[str, Labelled]
    measures: Mapping[str, Labelled]
    alerts: tuple[Alert, ...]

    @property
    def sha256(self) -> str:
        """Hex digest of the content; the TOML's layout does not matter."""
        content = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Ids of the alerts, in the order of the file."""
        return tuple(alert.id for alert in self.alerts)

    @property
    def indicators(self) -> frozenset[str]:
        """Everything that a condition asks for."""
        return frozenset(
            condition.indicator
            for alert in self.alerts
            for level in alert.levels
            for every in level.conditions
            for condition in every
        )

    def alert(self, kind: str) -> Alert:
        """Return an alert by its id.

        Raises
        ------
        KeyError
            If there is none.
        """
        return {alert.id: alert for alert in self.alerts}[kind]
