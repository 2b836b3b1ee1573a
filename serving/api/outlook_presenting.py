"""From what is expected of a customer to what goes over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from features.schema import CATALOGUE
from serving.api import outlook_schemas as schemas
from serving.api import presenting
from serving.api.presenting import text_of
from serving.domain import grade as domain
from serving.domain.outlook import HealthDimension, HealthOutlook, Interval, Outlook
from serving.outlook import why_text
from serving.wording import label_of
from tiering.health import Band


def outlook(graded: domain.Grade, found: Outlook) -> schemas.Outlook:
    """Present the outlook of a grade."""
    basis, demand, renewal = graded.basis, found.demand, found.renewal
    return schemas.Outlook(
        customer_id=graded.customer_id,
        grade_id=graded.grade_id,
        run_id=basis.run_id,
        as_of=basis.as_of,
        currency=basis.currency,
        dormant=found.dormant,
        annual_rate=found.annual_rate,
        contribution_rate=found.contribution_rate,
        acquisition_cost=found.acquisition_cost,
        values=[
            schemas.OutlookValue(
                horizon_days=each.horizon_days,
                discounted=each.discounted,
                net_value=each.net_value,
                intervals=_intervals(each.intervals),
                contribution=each.contribution,
                net_value_to_acquisition_cost=each.value_to_cost,
                contribution_to_acquisition_cost=each.contribution_to_cost,
                purchase_days=each.purchase_days,
                purchase_days_if_active=each.purchase_days_if_active,
            )
            for each in found.values
        ],
        activity=schemas.OutlookActivity(
            p_active=found.p_active, order_value=found.order_value, correction=found.correction
        ),
        churn=[
            schemas.OutlookChurn(
                horizon_days=each.horizon_days, probability=each.probability, graded=each.graded
            )
            for each in found.churn
        ],
        demand=None
        if demand is None
        else schemas.OutlookDemand(
            horizon_days=demand.horizon_days,
            value=demand.value,
            intervals=_intervals(demand.intervals),
        ),
        health=_health(found.health),
        renewal=None
        if renewal is None
        else schemas.OutlookRenewal(
            days_to_end=renewal.days_to_end,
            ended_730d=renewal.ended,
            renewed_share_730d=renewal.renewed_share,
            lapse=[
                schemas.OutlookLapse(horizon_days=each.horizon_days, probability=each.probability)
                for each in renewal.lapse
            ],
        ),
        unknown=[
            schemas.OutlookUnknown(
                figure=each.figure,
                reason=each.why,
                text=text_of(*(why_text(each, lang) for lang in domain.LANGS)),
                detail=each.detail,
            )
            for each in found.unknown
        ],
        model=presenting.model(basis),
        scheme=presenting.scheme(basis),
        world=basis.world,
        simulated=basis.simulated,
    )


def _intervals(found: Sequence[Interval]) -> list[schemas.OutlookInterval]:
    return [
        schemas.OutlookInterval(nominal=each.nominal, lower=each.lower, upper=each.upper)
        for each in found
    ]


def _health(found: HealthOutlook) -> schemas.OutlookHealth:
    return schemas.OutlookHealth(
        source=found.source,
        policy=found.policy_id,
        policy_version=found.policy_version,
        score=found.score,
        stays=found.stays,
        horizon_days=found.horizon_days,
        band=_band(found.band),
        response=_response(found.band),
        known=found.known,
        dimensions=[_dimension(each) for each in found.dimensions],
    )


def _dimension(found: HealthDimension) -> schemas.OutlookHealthDimension:
    return schemas.OutlookHealthDimension(
        id=found.id,
        label=text_of(found.label_en, found.label_zh),
        points=found.points,
        weight=found.weight,
        scale_points=found.scale_points,
        band=_band(found.band),
        indicators=[
            schemas.OutlookHealthIndicator(
                indicator=part.indicator,
                label=text_of(*(label_of(part.indicator, lang) for lang in domain.LANGS)),
                unit=CATALOGUE[part.indicator].unit,
                value=part.value,
                points=part.points,
                weight=part.weight,
            )
            for part in found.parts
        ],
    )


def _band(band: Band | None) -> schemas.OutlookBand | None:
    if band is None:
        return None
    label = text_of(band.label_en, band.label_zh)
    return schemas.OutlookBand(id=band.id, begin=band.begin, label=label)


def _response(band: Band | None) -> schemas.OutlookResponse | None:
    if band is None:
        return None
    action = text_of(band.action_en, band.action_zh)
    return schemas.OutlookResponse(hours=band.response_hours, owner=band.owner, action=action)
