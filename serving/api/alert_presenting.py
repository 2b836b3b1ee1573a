"""From alerts to what goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from serving.api import alert_schemas as schemas
from serving.api.parts import Text
from serving.domain.alert import AlertAction, CustomerAlert
from tiering.alerts.catalogue import Labelled
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.causes import packaged_causes
from tiering.alerts.library import Experience

_ORDER_DROP = "order_drop"


def alert(kept: CustomerAlert, actions: Sequence[AlertAction], now: datetime) -> schemas.Alert:
    """Present an alert with what was done about it.

    Of a kind that the catalogue no longer has, only the id is known.
    """
    catalogue, standing = packaged_catalogue(), kept.standing
    known = {each.id: each for each in catalogue.alerts}.get(kept.kind)
    late = standing.is_live and standing.responded_at is None and standing.due_at < now
    return schemas.Alert(
        alert_id=kept.alert_id,
        customer_id=kept.customer_id,
        kind=_named(kept.kind, known),
        requirement=known.requirement if known else "",
        severity=standing.severity,
        state=standing.state,
        tier_id=kept.tier_id,
        run_id=kept.run_id,
        catalogue=kept.catalogue,
        text=_text(kept.texts["en"], kept.texts["zh-CN"]),
        threshold=_text(kept.thresholds["en"], kept.thresholds["zh-CN"]),
        playbook=_text(known.playbook("en"), known.playbook("zh")) if known else _text("", ""),
        numbers=dict(kept.numbers),
        cause=_cause(kept) if kept.kind == _ORDER_DROP else None,
        responsible=_of(standing.responsible, catalogue.roles),
        needs_analysis=standing.needs_analysis,
        raised_at=standing.raised_at,
        due_at=standing.due_at,
        responded_at=standing.responded_at,
        escalated_at=standing.escalated_at,
        late=late,
        closed_at=standing.closed_at,
        outcome=standing.outcome,
        measure=None if standing.measure is None else measure(standing.measure),
        reopened=standing.reopened,
        actions=[_action(each) for each in actions],
    )


def experience(told: Experience) -> schemas.Experience:
    """Present the experience with a measure."""
    return schemas.Experience(
        measure=measure(told.measure),
        cases=told.cases,
        outcomes=dict(told.outcomes),
        recovered=told.recovered,
        lower=told.lower,
        upper=told.upper,
        median_days=told.median_days,
    )


def measure(name: str) -> schemas.Named:
    """Present a measure."""
    return _of(name, packaged_catalogue().measures)


def _cause(kept: CustomerAlert) -> schemas.Cause:
    policy = packaged_causes()
    causes = {each.id: each for each in policy.causes}
    evidence = {each.id: each for each in policy.evidence}
    acted_on = causes.get(kept.stated_cause or kept.cause or "")
    return schemas.Cause(
        by_rule=None if kept.cause is None else _of(kept.cause, causes),
        stated=None if kept.stated_cause is None else _of(kept.stated_cause, causes),
        evidence=[_of(name, evidence) for name in kept.evidence],
        playbook=_text(acted_on.playbook("en"), acted_on.playbook("zh")) if acted_on else None,
    )


def _action(done: AlertAction) -> schemas.Action:
    return schemas.Action(
        sequence=done.sequence,
        at=done.at,
        actor=done.actor,
        action=done.action,
        note=done.note,
        cause=done.cause,
        measure=done.measure,
        outcome=done.outcome,
    )


def _of(name: str, known: Mapping[str, Labelled]) -> schemas.Named:
    return _named(name, known.get(name))


def _named(name: str, known: Labelled | None) -> schemas.Named:
    label = _text(name, name) if known is None else _text(known.label("en"), known.label("zh"))
    return schemas.Named(id=name, label=label)


def _text(en: str, zh_cn: str) -> Text:
    return Text(**{"en": en, "zh-CN": zh_cn})
