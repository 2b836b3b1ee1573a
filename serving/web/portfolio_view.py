"""The portfolio page as data: everything its template prints, already in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from serving.domain.grade import Run, TierSummary
from serving.store.portfolio import Listing
from serving.web.addresses import address
from serving.web.chart_style import embedded
from serving.web.customer_list import (
    Choice,
    CustomerLine,
    Query,
    customer_lines,
    stage_choices,
    tier_choices,
)
from serving.web.formats import Writer
from serving.web.portfolio_charts import score_histogram, share, tier_shares, value_at_risk
from serving.web.shell import Fact, Paging, Shell, paging, shell, tone
from serving.web.summary import Summary


@dataclass(frozen=True, slots=True)
class TierLine:
    """One line of the tier table; ``tone`` is the CSS class of its colour."""

    label: str
    tone: str
    address: str
    cut: str
    customers: str
    customer_share: str
    ltv: str
    ltv_share: str
    net_share: str
    churn: str
    referred: str


@dataclass(frozen=True, slots=True)
class StageLine:
    """One line of the table of lifecycle stages."""

    label: str
    address: str
    customers: str
    customer_share: str
    ltv: str
    ltv_share: str
    churn: str


@dataclass(frozen=True, slots=True)
class BandLine:
    """One line of the tables behind the charts."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortfolioPage:
    """The portfolio page."""

    shell: Shell
    tiles: tuple[Fact, ...]
    tier_lede: str
    tiers: tuple[TierLine, ...]
    tier_total: TierLine
    tier_names: tuple[str, ...]
    stages: tuple[StageLine, ...]
    risk_lede: str
    score_lines: tuple[BandLine, ...]
    churn_lines: tuple[BandLine, ...]
    tier_figure: Markup
    score_figure: Markup
    risk_figure: Markup
    search: str
    filtered: bool
    choices: tuple[Choice, ...]
    stage_choices: tuple[Choice, ...]
    customers: tuple[CustomerLine, ...]
    paging: Paging


def portfolio_page(
    writer: Writer, run: Run, summary: Summary, listing: Listing, query: Query, *, size: int
) -> PortfolioPage:
    """Build the page of a run; ``size`` is how many customers a page of the list holds."""
    words, basis = writer.words, run.basis
    filters = {"q": query.search, "tier": query.tier_id, "stage": query.stage_id}
    return PortfolioPage(
        shell=shell(
            writer,
            words("portfolio.title"),
            here=address("/", **filters, page=query.page if query.page > 1 else None),
            current="/",
            run=run,
            charts=True,
        ),
        tiles=_tiles(writer, run, summary),
        tier_lede=words("portfolio.tiers.lede", ltv_days=basis.ltv_horizon_days),
        tiers=tuple(_tier_line(writer, tier, run.tiers) for tier in run.tiers),
        tier_total=_tier_total(writer, run, summary),
        tier_names=tuple(tier.label(writer.language) for tier in basis.tiers),
        stages=_stage_lines(writer, run, summary),
        risk_lede=words(
            "portfolio.risk.lede",
            shown=writer.plain(len(summary.sample)),
            total=writer.plain(run.customers),
        ),
        score_lines=_score_lines(writer, summary),
        churn_lines=_churn_lines(writer, summary),
        tier_figure=embedded(tier_shares(writer, run.tiers)),
        score_figure=embedded(score_histogram(writer, summary.score_bands, basis.tiers)),
        risk_figure=embedded(value_at_risk(writer, summary.sample, basis.tiers)),
        search=query.search,
        filtered=bool(query.search or query.tier_id or query.stage_id),
        choices=tier_choices(writer, run, query.tier_id),
        stage_choices=stage_choices(writer, run, query.stage_id, summary.stages),
        customers=customer_lines(writer, run, listing),
        paging=paging(
            writer,
            "/",
            offset=listing.offset,
            shown=len(listing.rows),
            total=listing.total,
            size=size,
            **filters,
        ),
    )


def _tiles(writer: Writer, run: Run, summary: Summary) -> tuple[Fact, ...]:
    words, basis = writer.words, run.basis
    referred = share(run.referred, run.customers)
    return (
        Fact(words("portfolio.customers"), writer.plain(run.customers)),
        Fact(
            words("portfolio.ltv"),
            writer.money(sum(tier.ltv for tier in run.tiers)),
            words("portfolio.ltv_aside", days=basis.ltv_horizon_days),
        ),
        Fact(
            words("portfolio.churn"),
            writer.percent(summary.churn_mean),
            words("portfolio.churn_aside", days=basis.churn_horizon_days),
        ),
        Fact(
            words("portfolio.median"),
            writer.points(summary.score_median),
            words("portfolio.median_aside"),
        ),
        Fact(
            words("portfolio.referred"),
            writer.plain(run.referred),
            words("portfolio.referred_aside", share=writer.percent(referred)),
        ),
    )


def _tier_line(writer: Writer, summary: TierSummary, all_tiers: Sequence[TierSummary]) -> TierLine:
    tier = summary.tier
    customers = sum(other.customers for other in all_tiers)
    ltv = sum(other.ltv for other in all_tiers)
    net = sum(other.net_amount_365d for other in all_tiers)
    return TierLine(
        label=tier.label(writer.language),
        tone=tone(tier.index),
        address=f"{address('/', tier=tier.id)}#list",
        cut=writer.absent if tier.cut is None else f"{tier.cut:g}",
        customers=writer.plain(summary.customers),
        customer_share=writer.percent(share(summary.customers, customers)),
        ltv=writer.money(summary.ltv),
        ltv_share=writer.percent(share(summary.ltv, ltv)),
        net_share=writer.percent(share(summary.net_amount_365d, net)),
        churn=writer.percent(summary.churn_probability_mean),
        referred=writer.plain(summary.referred),
    )


def _tier_total(writer: Writer, run: Run, summary: Summary) -> TierLine:
    ltv = sum(tier.ltv for tier in run.tiers)
    net = sum(tier.net_amount_365d for tier in run.tiers)
    return TierLine(
        label=writer.words("portfolio.tiers.total"),
        tone="",
        address="",
        cut="",
        customers=writer.plain(run.customers),
        customer_share=writer.percent(share(run.customers, run.customers)),
        ltv=writer.money(ltv),
        ltv_share=writer.percent(share(ltv, ltv)),
        net_share=writer.percent(share(net, net)),
        churn=writer.percent(summary.churn_mean),
        referred=writer.plain(run.referred),
    )


def _stage_lines(writer: Writer, run: Run, summary: Summary) -> tuple[StageLine, ...]:
    ltv = sum(count.ltv for count in summary.stages.values())
    return tuple(
        StageLine(
            label=stage.label(writer.language),
            address=f"{address('/', stage=stage.id)}#list",
            customers=writer.plain(count.customers),
            customer_share=writer.percent(share(count.customers, run.customers)),
            ltv=writer.money(count.ltv),
            ltv_share=writer.percent(share(count.ltv, ltv)),
            churn=writer.percent(count.churn_mean),
        )
        for stage in run.basis.stages
        if (count := summary.stages.get(stage.id)) is not None
    )


def _score_lines(writer: Writer, summary: Summary) -> tuple[BandLine, ...]:
    return tuple(
        BandLine(
            f"{band.lower:g}–{band.upper:g}",
            tuple(writer.plain(count) for count in band.customers),
        )
        for band in summary.score_bands
        if sum(band.customers)
    )


def _churn_lines(writer: Writer, summary: Summary) -> tuple[BandLine, ...]:
    ltv = sum(band.ltv for band in summary.churn_bands)
    return tuple(
        BandLine(
            f"{writer.percent(band.lower, 0)}–{writer.percent(band.upper, 0)}",
            (
                writer.plain(band.customers),
                writer.money(band.ltv),
                writer.percent(share(band.ltv, ltv)),
            ),
        )
        for band in summary.churn_bands
    )
