"""The figures of the portfolio page: pure functions from counts to Plotly figures."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from serving.domain.grade import TierSummary
from serving.domain.labels import TierLabel
from serving.web.chart_style import INK, plain_text, styled, tier_colour
from serving.web.formats import Writer
from serving.web.summary import Sampled, ScoreBand


def share(part: float, whole: float) -> float | None:
    """Return ``part / whole``; None when there is no whole to have a share of."""
    return part / whole if whole > 0 else None


def tier_shares(writer: Writer, tiers: Sequence[TierSummary]) -> go.Figure:
    """Return bars of each tier's share of customers, of LTV and of spend, best tier on top."""
    words = writer.words
    columns = (
        (
            words("portfolio.tiers.series_customers"),
            "var(--series-1)",
            [float(t.customers) for t in tiers],
        ),
        (words("portfolio.tiers.series_ltv"), "var(--series-2)", [t.ltv for t in tiers]),
        (
            words("portfolio.tiers.series_net"),
            "var(--series-3)",
            [t.net_amount_365d for t in tiers],
        ),
    )
    labels = [plain_text(t.tier.label(writer.language)) for t in tiers]
    figure = go.Figure()
    for name, colour, values in columns:
        shares = [share(value, sum(values)) for value in values]
        figure.add_bar(
            name=name,
            orientation="h",
            x=shares,
            y=labels,
            marker_color=colour,
            text=[writer.percent(value) for value in shares],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra>%{fullData.name}</extra>",
        )
    return styled(
        figure,
        90 + 74 * len(tiers),
        xaxis={"tickformat": ".0%", "title": {"text": words("portfolio.tiers.axis")}},
        yaxis={"autorange": "reversed", "showgrid": False},
        margin={"l": 8, "r": 44, "t": 8, "b": 8},
        bargroupgap=0.12,
    )


def score_histogram(
    writer: Writer, bands: Sequence[ScoreBand], tiers: Sequence[TierLabel]
) -> go.Figure:
    """Return counts by score, stacked by tier, with a line at every cut above 0."""
    words = writer.words
    figure = go.Figure()
    for position, tier in reversed(list(enumerate(tiers))):
        figure.add_bar(
            name=plain_text(tier.label(writer.language)),
            x=[(band.lower + band.upper) / 2 for band in bands],
            y=[band.customers[position] for band in bands],
            width=[band.upper - band.lower for band in bands],
            marker_color=tier_colour(tier.index),
            customdata=[f"{band.lower:g}–{band.upper:g}" for band in bands],
            hovertemplate="%{customdata}: %{y}<extra>%{fullData.name}</extra>",
        )
    for tier in tiers:
        if tier.cut:
            figure.add_vline(
                tier.cut,
                line={"color": INK, "width": 1.2, "dash": "dash"},
                annotation={
                    "text": f"≥ {tier.cut:g}",
                    "font": {"color": INK, "size": 11.5},
                    "xanchor": "center",
                    "yanchor": "bottom",
                    "y": 1,
                    "showarrow": False,
                },
            )
    return styled(
        figure,
        330,
        barmode="stack",
        bargap=0.04,
        xaxis={"range": [0, 100], "title": {"text": words("portfolio.scores.axis_score")}},
        yaxis={"title": {"text": words("portfolio.scores.axis_customers")}},
        legend={"traceorder": "reversed", "y": 1.1},
    )


def value_at_risk(
    writer: Writer, sample: Sequence[Sampled], tiers: Sequence[TierLabel]
) -> go.Figure:
    """Return churn probability against LTV (log scale), one colour per tier."""
    words = writer.words
    figure = go.Figure()
    for tier in tiers:
        drawn = [customer for customer in sample if customer.tier_index == tier.index]
        figure.add_scatter(
            name=plain_text(tier.label(writer.language)),
            mode="markers",
            x=[customer.churn_probability for customer in drawn],
            y=[customer.ltv for customer in drawn],
            text=[_hover(writer, customer) for customer in drawn],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
            marker={"color": tier_colour(tier.index), "size": 6, "opacity": 0.72},
        )
    title = f"{words('portfolio.risk.axis_ltv')} ({writer.currency})"
    return styled(
        figure,
        330,
        xaxis={
            "tickformat": ".0%",
            "rangemode": "tozero",
            "title": {"text": words("portfolio.risk.axis_churn")},
        },
        yaxis={"type": "log", "title": {"text": title}, "dtick": 1, "tickformat": ",~r"},
        hovermode="closest",
    )


def _hover(writer: Writer, customer: Sampled) -> str:
    return plain_text(
        writer.words(
            "portfolio.risk.hover",
            customer=customer.customer_id,
            churn=writer.percent(customer.churn_probability),
            ltv=writer.money(customer.ltv),
        )
    )
