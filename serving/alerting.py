"""What becomes of the alerts there are, given what a run saw (``nightly.watching``)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from serving.domain.alert import CustomerAlert
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.nightly.watching import Watch
from serving.store.alerts import AlertStore
from serving.store.session import Session
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import packaged_causes
from tiering.alerts.lifecycle import Standing
from tiering.alerts.renewal import Key, Renewal, Step, renew
from tiering.alerts.worktime import respond_by
from tiering.health import packaged_health
from tiering.panel.calendar import WorkCalendar

_TOLD = frozenset(Step) - {Step.RENEWED, Step.CLEARED}
"""Steps that the audit trail names; a renewal only brings new numbers."""


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


def renew_alerts(session: Session, watch: Watch, run: Run, days: WorkCalendar) -> AlertChanges:
    """Write what a run does to the alerts, in the transaction of the run.

    Parameters
    ----------
    days
        Which days are worked: deadlines may be given in such.
    """
    store = AlertStore(session)
    before = store.uncleared()
    renewal = renew(
        watch.catalogue,
        {key: alert.standing for key, alert in before.items()},
        {key: sighting.finding for key, sighting in watch.found.items()},
        watch.unmeasured,
        run.finished_at,
        lambda level, raised_at: respond_by(level, raised_at, days),
    )
    after = {
        key: _kept(watch, key, before.get(key), standing, run.run_id)
        for key, (_, standing) in renewal.steps.items()
    }
    store.add(alert for key, alert in after.items() if key not in before)
    store.replace(alert for key, alert in after.items() if key in before)
    return AlertChanges(
        steps=Counter(step for step, _ in renewal.steps.values()),
        waiting=Counter(renewal.waiting) + watch.waiting,
        unmeasured=watch.unmeasured_of,
        happenings=_happenings(renewal, after),
    )


def _kept(
    watch: Watch, key: Key, old: CustomerAlert | None, standing: Standing, run_id: str
) -> CustomerAlert:
    """Return an alert with its present standing, and with new numbers where it was raised."""
    seen = watch.found.get(key)
    if seen is None:
        assert old is not None
        return replace(old, standing=standing)
    customer, kind = key
    return CustomerAlert(
        alert_id=old.alert_id if old else _alert_id(run_id, key),
        customer_id=customer,
        kind=kind,
        catalogue=f"{watch.catalogue.id}@{watch.catalogue.version}",
        run_id=run_id,
        tier_id=seen.tier_id,
        standing=standing,
        texts=seen.texts,
        thresholds=seen.thresholds,
        numbers=seen.numbers,
        cause=seen.cause,
        evidence=seen.evidence,
        stated_cause=old.stated_cause if old else None,
        industry=old.industry if old else None,
    )


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
