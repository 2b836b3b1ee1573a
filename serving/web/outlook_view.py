"""What is expected of a customer, as the section of its page says it."""

from __future__ import annotations

from dataclasses import dataclass

from serving.domain.outlook import Demand, HealthOutlook, Interval, Outlook, Renewal, ValueWithin
from serving.outlook import why_text
from serving.web.churn_curve import ChurnCurve, churn_curve
from serving.web.formats import Writer, cents
from serving.web.shell import Fact
from tiering.health import Band

_MONTH = 365 / 12


@dataclass(frozen=True, slots=True)
class ValueLine:
    """One horizon of the value; empty where a column is not shown."""

    horizon: str
    value: str
    aside: str
    contribution: str
    to_cost: str
    purchase_days: str


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One dimension of health; ``width`` (0 to 100) is None, ``band`` empty without data."""

    label: str
    points: str
    width: float | None
    scale: str
    band: str
    band_id: str


@dataclass(frozen=True, slots=True)
class OutlookSection:
    """The section.

    Attributes
    ----------
    facts
        What the value is made of, the demand, the contract.
    has_contribution, has_cost
        Whether any horizon has one: a column without a figure is left out.
    risks, risks_told
        The curve in words, and whether they stand beside it: where points are too near for figures.
    health, by_model
        Score and band in a sentence; whether the points of dimensions are a model's.
    unknown
        What is not told and why, in sentences.
    """

    lede: str
    facts: tuple[Fact, ...]
    values: tuple[ValueLine, ...]
    has_contribution: bool
    has_cost: bool
    curve: ChurnCurve
    risks: str
    risks_told: bool
    health: str
    by_model: bool
    dimensions: tuple[HealthLine, ...]
    unknown: tuple[str, ...]


def outlook_section(writer: Writer, found: Outlook) -> OutlookSection:
    """Build the section."""
    words = writer.words
    lede = words("customer.outlook.lede", rate=writer.percent(found.annual_rate, 0))
    if found.dormant:
        lede = writer.language.pick(" ", "").join((lede, words("customer.outlook.dormant")))
    risks = [
        words(
            "customer.outlook.risk",
            horizon=horizon_text(writer, each.horizon_days),
            risk=writer.percent(each.probability),
        )
        for each in found.churn
    ]
    curve = churn_curve(writer, found.churn)
    return OutlookSection(
        lede=lede,
        facts=_facts(writer, found),
        values=tuple(_value(writer, each) for each in found.values),
        has_contribution=any(each.contribution is not None for each in found.values),
        has_cost=any(each.value_to_cost is not None for each in found.values),
        curve=curve,
        risks=words("customer.outlook.separator").join(risks),
        risks_told=any(not mark.figure for mark in curve.marks),
        health=_health(writer, found.health),
        by_model=found.health.source == "model",
        dimensions=tuple(_dimensions(writer, found.health)),
        unknown=tuple(
            words(
                "customer.outlook.unknown",
                figure=_figure(writer, each.figure),
                why=why_text(each, writer.lang),
            )
            for each in found.unknown
        ),
    )


def horizon_text(writer: Writer, days: int) -> str:
    """Return ``12 months`` for whole years, else ``90 days``."""
    if days % 365:
        return writer.words("number.days", n=writer.plain(days))
    return writer.words("customer.outlook.months", n=writer.plain(round(days / _MONTH)))


def _facts(writer: Writer, found: Outlook) -> tuple[Fact, ...]:
    words = writer.words
    return (
        Fact(
            words("customer.outlook.active"),
            writer.percent(found.p_active),
            words("customer.outlook.active_aside"),
        ),
        Fact(
            words("customer.outlook.order_value"),
            writer.money(found.order_value),
            words("customer.outlook.correction", factor=writer.plain(found.correction, 2)),
        ),
        *(() if found.demand is None else (_demand(writer, found.demand),)),
        *(() if found.renewal is None else (_renewal(writer, found.renewal),)),
    )


def _demand(writer: Writer, found: Demand) -> Fact:
    words = writer.words
    return Fact(
        words("customer.outlook.demand", days=found.horizon_days),
        writer.money(found.value),
        _range(writer, found.intervals),
    )


def _renewal(writer: Writer, found: Renewal) -> Fact:
    words, last = writer.words, found.lapse[-1]
    return Fact(
        words("customer.outlook.lapse", days=last.horizon_days),
        writer.percent(last.probability),
        words("customer.outlook.contract_ends", days=writer.measured(found.days_to_end, "days")),
    )


def _value(writer: Writer, found: ValueWithin) -> ValueLine:
    return ValueLine(
        horizon=horizon_text(writer, found.horizon_days),
        value=writer.money(found.net_value),
        aside=_range(writer, found.intervals),
        contribution=writer.money(found.contribution),
        to_cost=writer.plain(found.value_to_cost, 1),
        purchase_days=writer.plain(found.purchase_days, 1),
    )


def _range(writer: Writer, intervals: tuple[Interval, ...]) -> str:
    """Return the interval nearest to nine of ten; empty without any."""
    if not intervals:
        return ""
    chosen = min(intervals, key=lambda each: abs(each.nominal - 0.9))
    decimals = cents(chosen.lower, chosen.upper)
    return writer.words(
        "customer.outlook.interval",
        level=writer.percent(chosen.nominal, 0),
        low=writer.plain(chosen.lower, decimals),
        high=writer.plain(chosen.upper, decimals),
    )


def _health(writer: Writer, found: HealthOutlook) -> str:
    words, band = writer.words, found.band
    if found.score is None or band is None:
        return words("customer.outlook.health_unknown")
    named = _band(writer, band)
    if found.stays is None:
        said = words("customer.outlook.health_scales", band=named, score=writer.points(found.score))
    else:
        said = words(
            "customer.outlook.health_model",
            band=named,
            score=writer.points(found.score),
            stays=writer.percent(found.stays),
            days=found.horizon_days,
        )
    if found.known < 1.0:
        known = words("customer.outlook.health_known", share=writer.percent(found.known, 0))
        return writer.language.pick(" ", "").join((said, known))
    return said


def _dimensions(writer: Writer, found: HealthOutlook) -> list[HealthLine]:
    return [
        HealthLine(
            label=writer.language.pick(each.label_en, each.label_zh),
            points=writer.words("number.no_data")
            if each.points is None
            else writer.points(each.points),
            width=None if each.points is None else round(each.points, 2),
            scale=writer.points(each.scale_points),
            band="" if each.band is None else _band(writer, each.band),
            band_id=each.band.id if each.band else "",
        )
        for each in found.dimensions
    ]


def _band(writer: Writer, band: Band) -> str:
    return writer.language.pick(band.label_en, band.label_zh)


def _figure(writer: Writer, figure: str) -> str:
    words = writer.words
    return {
        "contribution": words("customer.outlook.contribution"),
        "acquisition_cost": words("customer.outlook.cost_name"),
        "demand": words("customer.outlook.demand_name"),
        "health": words("customer.outlook.health_name"),
        "renewal": words("customer.outlook.renewal_name"),
    }[figure]
