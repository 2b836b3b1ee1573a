"""The list of customers on the portfolio page, and what a reader may ask of it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from serving.domain.grade import Run
from serving.store.portfolio import Listed, Listing
from serving.web.addresses import customer_address
from serving.web.formats import Writer, cents
from serving.web.shell import tone


@dataclass(frozen=True, slots=True)
class Query:
    """What the reader asked for: a part of an id, a tier, a stage, a page."""

    search: str
    tier_id: str
    stage_id: str
    page: int


@dataclass(frozen=True, slots=True)
class CustomerLine:
    """One line of the customer list; ``score_width`` runs from 0 to 100."""

    customer_id: str
    address: str
    tier: str
    tone: str
    stage: str
    score: str
    score_width: float
    margin: str
    churn: str
    ltv: str
    spend: str
    referred: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a filter."""

    value: str
    label: str
    selected: bool


def tier_choices(writer: Writer, run: Run, tier_id: str) -> tuple[Choice, ...]:
    """Return the options of the tier filter."""
    return (
        Choice("", writer.words("portfolio.all_tiers"), not tier_id),
        *(
            Choice(tier.id, tier.label(writer.language), tier.id == tier_id)
            for tier in run.basis.tiers
        ),
    )


def stage_choices(
    writer: Writer, run: Run, stage_id: str, occupied: Container[str]
) -> tuple[Choice, ...]:
    """Return the options of the stage filter: stages with customers, and the one asked for."""
    return (
        Choice("", writer.words("portfolio.all_stages"), not stage_id),
        *(
            Choice(stage.id, stage.label(writer.language), stage.id == stage_id)
            for stage in run.basis.stages
            if stage.id in occupied or stage.id == stage_id
        ),
    )


def customer_lines(writer: Writer, run: Run, listing: Listing) -> tuple[CustomerLine, ...]:
    """Return the lines of one page of the list."""
    rows = listing.rows
    # One number of decimals in a column, so that the digits stand under each other.
    ltv_cents = cents(*(row.ltv for row in rows))
    spend_cents = cents(*(row.net_amount_365d for row in rows))
    return tuple(_customer_line(writer, run, row, ltv_cents, spend_cents) for row in rows)


def _customer_line(
    writer: Writer, run: Run, row: Listed, ltv_cents: int, spend_cents: int
) -> CustomerLine:
    tier = run.basis.tiers[row.tier_index]
    stages = {stage.id: stage.label(writer.language) for stage in run.basis.stages}
    if row.margin_up is None:
        margin = writer.words("portfolio.list.top")
    else:
        margin = writer.words("number.points", n=writer.points(row.margin_up))
    return CustomerLine(
        customer_id=row.customer_id,
        address=customer_address(row.customer_id),
        tier=tier.label(writer.language),
        tone=tone(tier.index),
        stage=stages.get(row.stage or "", writer.absent),
        score=writer.points(row.score),
        score_width=round(row.score, 2),
        margin=margin,
        churn=writer.percent(row.churn_probability),
        ltv=writer.money(row.ltv, ltv_cents),
        spend=writer.money(row.net_amount_365d, spend_cents),
        referred=row.referred,
    )
