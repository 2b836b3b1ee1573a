"""Early warning after a run: what is raised, and what becomes of the alerts there are."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from features.schema import FloatArray, IndicatorFrame
from serving.domain.alert import CustomerAlert
from serving.domain.event import Happening
from serving.domain.grade import Basis, Grade
from serving.store.alerts import AlertStore
from serving.store.session import Session
from tiering.alerts.catalogue import HEALTH, AlertCatalogue
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import Causes, packaged_causes, split_causes
from tiering.alerts.lifecycle import Standing
from tiering.alerts.raising import Alerts, Tiers, raise_alerts
from tiering.alerts.renewal import Finding, Key, Renewal, Step, renew
from tiering.alerts.wording import tell, threshold_text
from tiering.alerts.worktime import respond_by
from tiering.health import packaged_health, plain_health
from training.bundle import Bundle

DROP = "order_drop"
"""The alert whose cause is split (#85)."""

_TOLD = frozenset(Step) - {Step.RENEWED, Step.CLEARED}
"""Steps that the audit trail names; a renewal only brings new numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """What a run raises, before the store is asked what there is already.

    Attributes
    ----------
    values
        Everything the catalogue may ask for, ``(n,)`` each.
    grades
        ``n`` grades, in the order of the values.
    """

    alerts: Alerts
    causes: Causes
    values: Mapping[str, FloatArray]
    grades: Sequence[Grade]
    place: Mapping[str, int]

    @property
    def catalogue(self) -> AlertCatalogue:
        """The catalogue in force."""
        return self.alerts.catalogue

    def found(self) -> dict[Key, Finding]:
        """Return what is raised, by customer and kind."""
        spend = self.values.get("net_amount_365d", np.zeros(len(self.grades)))
        worth = np.nan_to_num(spend)
        kinds = self.catalogue.kinds
        found: dict[Key, Finding] = {}
        for row, column in np.argwhere(self.alerts.raised).tolist():
            level = self.alerts.level_of(row, column)
            assert level is not None
            grade = self.grades[row]
            finding = Finding(level, grade.tier.index, float(worth[row]))
            found[grade.customer_id, kinds[column]] = finding
        return found

    def unmeasured(self) -> set[Key]:
        """Return what could not be measured, by customer and kind."""
        kinds = self.catalogue.kinds
        return {
            (self.grades[row].customer_id, kinds[column])
            for row, column in np.argwhere(self.alerts.unmeasured).tolist()
        }


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """What a run did to the alerts.

    Attributes
    ----------
    steps
        How many alerts took which step.
    waiting
        By kind, how many were raised and have to wait for others to be worked off.
    unmeasured
        By kind, for how many customers nobody can tell for lack of data.
    happenings
        For the audit trail.
    """

    steps: Mapping[Step, int]
    waiting: Mapping[str, int]
    unmeasured: Mapping[str, int]
    happenings: tuple[Happening, ...]

    @property
    def payload(self) -> dict[str, dict[str, int]]:
        """The counts, as the audit event of the run carries them."""
        return {
            "steps": {step.value: count for step, count in sorted(self.steps.items())},
            "waiting": dict(self.waiting),
            "unmeasured": dict(self.unmeasured),
        }


def policy_sha256() -> tuple[str, ...]:
    """Return the hashes of the policies that alerts rest on."""
    health, causes = packaged_health(), packaged_causes()
    texts = (health.model_dump_json(), causes.model_dump_json())
    hashes = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
    return (packaged_catalogue().sha256, *hashes)


def watch(
    bundle: Bundle,
    frame: IndicatorFrame,
    values: FloatArray,
    grades: Sequence[Grade],
    basis: Basis,
) -> Watch:
    """Raise the alerts of a graded frame.

    Parameters
    ----------
    values
        ``(n, k)`` of the frame in the order of ``bundle.columns``.
    grades
        ``n`` grades, in the order of the frame.
    """
    n = len(grades)
    by_name = {name: frame.values[:, column] for column, name in enumerate(frame.columns)}
    for name in ("churn_probability", "ltv"):
        predicted = [getattr(grade, name) for grade in grades]
        by_name[name] = np.array([np.nan if x is None else x for x in predicted], dtype=np.float64)
    by_name[HEALTH] = health_score(bundle, by_name, values, n)
    tiers = Tiers(
        basis.scheme_id,
        tuple(tier.id for tier in basis.tiers),
        np.array([grade.tier.index for grade in grades], dtype=np.intp),
    )
    return Watch(
        alerts=raise_alerts(packaged_catalogue(), by_name, tiers, n),
        causes=split_causes(packaged_causes(), by_name, n),
        values=by_name,
        grades=grades,
        place={grade.customer_id: row for row, grade in enumerate(grades)},
    )


def health_score(
    bundle: Bundle, by_name: Mapping[str, FloatArray], values: FloatArray, n: int
) -> FloatArray:
    """Return health, ``(n,)``, 0 to 100: the chance to stay, or by fixed scales (ADR 0020)."""
    if bundle.companions.health is not None:
        return 100.0 * bundle.health(values).stays
    return plain_health(packaged_health(), by_name, n).score


def renew_alerts(session: Session, watched: Watch, run_id: str, now: datetime) -> AlertChanges:
    """Write what a run does to the alerts, in the transaction of the run."""
    store = AlertStore(session)
    before = store.uncleared()
    unmeasured = watched.unmeasured()
    renewal = renew(
        watched.catalogue,
        {key: alert.standing for key, alert in before.items()},
        watched.found(),
        unmeasured,
        now,
        respond_by,
    )
    after = {
        key: _kept(watched, key, before.get(key), standing, run_id)
        for key, (_, standing) in renewal.steps.items()
    }
    store.add(alert for key, alert in after.items() if key not in before)
    store.replace(alert for key, alert in after.items() if key in before)
    return AlertChanges(
        steps=Counter(step for step, _ in renewal.steps.values()),
        waiting=renewal.waiting,
        unmeasured=Counter(kind for _, kind in sorted(unmeasured)),
        happenings=_happenings(renewal, after),
    )


def _kept(
    watched: Watch, key: Key, old: CustomerAlert | None, standing: Standing, run_id: str
) -> CustomerAlert:
    """Return an alert with its present standing, and with new numbers where it was raised."""
    customer, kind = key
    column = watched.catalogue.kinds.index(kind) if kind in watched.catalogue.kinds else None
    row = watched.place.get(customer)
    if old is not None and (
        row is None or column is None or watched.alerts.level_of(row, column) is None
    ):
        return replace(old, standing=standing)
    assert row is not None
    assert column is not None
    alert = watched.catalogue.alerts[column]
    asked = {c.indicator for level in alert.levels for every in level.conditions for c in every}
    numbers = {name: _number(watched.values, name, row) for name in sorted(asked)}
    told = {name: _number(watched.values, name, row) for name in watched.values}
    threshold = watched.alerts.threshold(row, column)
    cause = watched.causes.of(row) if kind == DROP else None
    evidence = watched.causes.evidence(row) if kind == DROP else ()
    return CustomerAlert(
        alert_id=old.alert_id if old else _alert_id(run_id, key),
        customer_id=customer,
        kind=kind,
        catalogue=f"{watched.catalogue.id}@{watched.catalogue.version}",
        run_id=run_id,
        tier_id=watched.grades[row].tier.id,
        standing=standing,
        texts={"en": tell(alert, told, "en"), "zh-CN": tell(alert, told, "zh")},
        thresholds={
            "en": threshold_text(threshold, "en"),
            "zh-CN": threshold_text(threshold, "zh"),
        },
        numbers=numbers,
        cause=cause.id if cause else None,
        evidence=tuple(each.id for each in evidence),
        stated_cause=old.stated_cause if old else None,
        industry=old.industry if old else None,
    )


def _number(values: Mapping[str, FloatArray], name: str, row: int) -> float | None:
    value = float(values[name][row]) if name in values else math.nan
    return None if math.isnan(value) else value


def _happenings(renewal: Renewal, after: Mapping[Key, CustomerAlert]) -> tuple[Happening, ...]:
    return tuple(
        Happening(
            f"alert.{step.value}",
            f"alert:{after[key].alert_id}",
            {
                "customer_id": key[0],
                "kind": key[1],
                "severity": standing.severity,
                "state": standing.state.value,
                "responsible": standing.responsible,
                "due_at": standing.due_at.isoformat(),
            },
        )
        for key, (step, standing) in renewal.steps.items()
        if step in _TOLD
    )


def _alert_id(run_id: str, key: Key) -> str:
    return hashlib.sha256("\0".join(("alert", run_id, *key)).encode()).hexdigest()[:32]
