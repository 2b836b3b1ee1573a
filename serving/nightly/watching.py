"""What a run has to warn of, gathered while its customers pass by.

All that is raised is counted, but only what can become an alert, or already is one, is kept:
of each kind the most urgent ones, as many as may be live at once. For the others there is no
room (``tiering.alerts.renewal``): before each of them at least that many of its kind are opened
or find no room themselves, all of them at least as grave.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.schema import FloatArray, IndicatorFrame
from serving.domain.grade import Basis, Grade
from tiering.alerts.catalogue import HEALTH, AlertCatalogue
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import Causes, packaged_causes, split_causes
from tiering.alerts.raising import Alerts, Tiers, raise_alerts
from tiering.alerts.renewal import Finding, Key, urgent_first
from tiering.alerts.wording import tell, threshold_text
from tiering.health import packaged_health, plain_health
from training.bundle import Bundle

DROP = "order_drop"
"""The alert whose cause is split (#85)."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One alert raised for one customer, with all that is told of it (``CustomerAlert``)."""

    finding: Finding
    tier_id: str
    texts: Mapping[str, str]
    thresholds: Mapping[str, str]
    numbers: Mapping[str, float | None]
    cause: str | None
    evidence: tuple[str, ...]


class Watch:
    """What a run raises.

    Parameters
    ----------
    before
        Customer and kind of the alerts there are already.

    Attributes
    ----------
    found
        What is raised and has a chance to be kept, by customer and kind.
    waiting
        By kind, how many more are raised, for which there is no room.
    unmeasured
        Of the alerts there are already, those that missing data leave open.
    unmeasured_of
        By kind, for how many customers missing data leave it open.
    """

    def __init__(self, before: Collection[Key]) -> None:
        self.catalogue: AlertCatalogue = packaged_catalogue()
        self.found: dict[Key, Sighting] = {}
        self.waiting: Counter[str] = Counter()
        self.unmeasured: set[Key] = set()
        self.unmeasured_of: Counter[str] = Counter()
        self._before = before

    def look(
        self,
        bundle: Bundle,
        frame: IndicatorFrame,
        values: FloatArray,
        grades: Sequence[Grade],
        basis: Basis,
    ) -> None:
        """Look at some graded customers.

        Parameters
        ----------
        frame
            ``n`` customers.
        values
            ``(n, k)`` of them in the order of ``bundle.columns``.
        grades
            ``n`` grades, in the order of the frame.
        """
        view = _View.of(self.catalogue, bundle, frame, values, grades, basis)
        kinds = self.catalogue.kinds
        fresh: dict[Key, tuple[int, int]] = {}
        findings: dict[Key, Finding] = {}
        for row, column in np.argwhere(view.alerts.raised).tolist():
            key = (grades[row].customer_id, kinds[column])
            fresh[key] = (row, column)
            findings[key] = view.finding(row, column)
        known = {key: finding for key, finding in findings.items() if key in self._before}
        rivals = {key: seen.finding for key, seen in self.found.items() if key not in self._before}
        rivals |= {key: finding for key, finding in findings.items() if key not in known}
        stay = self._room_for(rivals.items())
        for key in [key for key in self.found if key in rivals and key not in stay]:
            del self.found[key]
        for key in (*known, *(key for key in findings if key in stay)):
            self.found[key] = view.sighting(findings[key], *fresh[key])
        for row, column in np.argwhere(view.alerts.unmeasured).tolist():
            self.unmeasured_of[kinds[column]] += 1
            key = (grades[row].customer_id, kinds[column])
            if key in self._before:
                self.unmeasured.add(key)

    def _room_for(self, rivals: Iterable[tuple[Key, Finding]]) -> set[Key]:
        """Return the most urgent of each kind; count the others as waiting."""
        stay: set[Key] = set()
        seen: Counter[str] = Counter()
        for key, _ in urgent_first(rivals):
            if seen[key[1]] < self.catalogue.live_limit:
                seen[key[1]] += 1
                stay.add(key)
            else:
                self.waiting[key[1]] += 1
        return stay


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Some customers, with everything the catalogue may ask for: ``(n,)`` values each."""

    alerts: Alerts
    causes: Causes
    values: Mapping[str, FloatArray]
    grades: Sequence[Grade]
    worth: FloatArray

    @classmethod
    def of(
        cls,
        catalogue: AlertCatalogue,
        bundle: Bundle,
        frame: IndicatorFrame,
        values: FloatArray,
        grades: Sequence[Grade],
        basis: Basis,
    ) -> _View:
        n = len(grades)
        by_name = {name: frame.values[:, column] for column, name in enumerate(frame.columns)}
        for name in ("churn_probability", "ltv"):
            predicted = [getattr(grade, name) for grade in grades]
            by_name[name] = np.array(
                [np.nan if x is None else x for x in predicted], dtype=np.float64
            )
        by_name[HEALTH] = health_score(bundle, by_name, values, n)
        tiers = Tiers(
            basis.scheme_id,
            tuple(tier.id for tier in basis.tiers),
            np.array([grade.tier.index for grade in grades], dtype=np.intp),
        )
        return cls(
            alerts=raise_alerts(catalogue, by_name, tiers, n),
            causes=split_causes(packaged_causes(), by_name, n),
            values=by_name,
            grades=grades,
            worth=np.nan_to_num(by_name.get("net_amount_365d", np.zeros(n))),
        )

    def finding(self, row: int, column: int) -> Finding:
        level = self.alerts.level_of(row, column)
        assert level is not None
        return Finding(level, self.grades[row].tier.index, float(self.worth[row]))

    def sighting(self, finding: Finding, row: int, column: int) -> Sighting:
        alert = self.alerts.catalogue.alerts[column]
        asked = {c.indicator for level in alert.levels for every in level.conditions for c in every}
        told = {name: self._number(name, row) for name in self.values}
        threshold = self.alerts.threshold(row, column)
        drop = alert.id == DROP
        cause = self.causes.of(row) if drop else None
        return Sighting(
            finding=finding,
            tier_id=self.grades[row].tier.id,
            texts={"en": tell(alert, told, "en"), "zh-CN": tell(alert, told, "zh")},
            thresholds={
                "en": threshold_text(threshold, "en"),
                "zh-CN": threshold_text(threshold, "zh"),
            },
            numbers={name: self._number(name, row) for name in sorted(asked)},
            cause=cause.id if cause else None,
            evidence=tuple(each.id for each in self.causes.evidence(row)) if drop else (),
        )

    def _number(self, name: str, row: int) -> float | None:
        value = float(self.values[name][row]) if name in self.values else math.nan
        return None if math.isnan(value) else value


def health_score(
    bundle: Bundle, by_name: Mapping[str, FloatArray], values: FloatArray, n: int
) -> FloatArray:
    """Return health, ``(n,)``, 0 to 100: the chance to stay, or by fixed scales (ADR 0020)."""
    if bundle.companions.health is not None:
        return 100.0 * bundle.health(values).stays
    return plain_health(packaged_health(), by_name, n).score
