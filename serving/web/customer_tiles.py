"""The figures at the head of a customer's page."""

from __future__ import annotations

from serving.domain.grade import Grade, Run
from serving.web.formats import Writer, cents, known
from serving.web.shell import Fact
from serving.web.summary import Summary


def customer_tiles(writer: Writer, run: Run, grade: Grade, summary: Summary) -> tuple[Fact, ...]:
    """Return what is expected of a customer, what it did, and where it stands."""
    words, basis = writer.words, grade.basis
    low, high = known(grade.ltv_lower), known(grade.ltv_upper)
    if low is None or high is None:
        ltv_aside = words("customer.ltv_aside_plain", days=basis.ltv_horizon_days)
    else:
        decimals = cents(grade.ltv, low, high)
        between = words(
            "number.range", low=writer.plain(low, decimals), high=writer.plain(high, decimals)
        )
        ltv_aside = words("customer.ltv_aside", days=basis.ltv_horizon_days, range=between)
    recency = writer.measured(grade.value("days_since_last_order"), "days")
    if known(grade.value("days_since_last_order")) is not None:
        recency = words("customer.recency_value", days=recency)
    return (
        Fact(
            words("customer.ltv"), writer.money(grade.ltv, cents(grade.ltv, low, high)), ltv_aside
        ),
        Fact(
            words("customer.churn"),
            writer.percent(grade.churn_probability),
            words("customer.churn_aside", days=basis.churn_horizon_days),
        ),
        Fact(
            words("customer.spend"),
            writer.measured(grade.value("net_amount_365d"), "money"),
            f"{words('customer.recency')}: {recency}",
        ),
        Fact(
            words("customer.rank"),
            writer.plain(summary.rank(grade.score)),
            words("customer.rank_aside", total=writer.plain(run.customers)),
        ),
        *_lifecycle(writer, grade),
        *_segment(writer, grade),
        *_confidence(writer, grade),
    )


def _segment(writer: Writer, grade: Grade) -> tuple[Fact, ...]:
    """Return the class beside the tier, where the scheme has one for the customer."""
    return tuple(
        Fact(writer.words("customer.segment"), segment.label(writer.language), "")
        for segment in grade.basis.segments
        if segment.id == grade.segment
    )


def _confidence(writer: Writer, grade: Grade) -> tuple[Fact, ...]:
    """Return how much of a full grade's evidence there is, where some is missing."""
    if grade.confidence is None or grade.confidence >= 1.0:
        return ()
    return (
        Fact(
            writer.words("customer.confidence"),
            writer.percent(grade.confidence),
            writer.words("customer.confidence_aside"),
        ),
    )


def _lifecycle(writer: Writer, grade: Grade) -> tuple[Fact, ...]:
    """Return the stage of the first policy, with those of the others beside it."""
    stages = [
        (policy.title(writer.language), policy.stage(grade.stages[policy.id]))
        for policy in grade.basis.lifecycles
    ]
    return tuple(
        Fact(
            writer.words("customer.lifecycle"),
            first.label(writer.language),
            writer.words("customer.lifecycle_separator").join(
                writer.words(
                    "customer.lifecycle_other", policy=title, stage=stage.label(writer.language)
                )
                for title, stage in stages[1:]
            ),
        )
        for _, first in stages[:1]
    )
