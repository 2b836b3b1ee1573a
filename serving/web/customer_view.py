"""One customer's page as data: the grade, how it came about, and every indicator."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from serving.domain.case import ReviewCase
from serving.domain.grade import Explanation, Grade, Run
from serving.domain.outlook import Outlook
from serving.domain.override import Override
from serving.domain.overruling import under
from serving.lifting import LiftStory, tell_lift
from serving.reasons import Driver, tell
from serving.web.addresses import customer_address
from serving.web.chart_style import embedded
from serving.web.customer_charts import Step, radar, waterfall
from serving.web.customer_tiles import customer_tiles
from serving.web.dimension_view import DimensionLine, dimension_lines, missing_text
from serving.web.formats import Writer
from serving.web.indicator_view import IndicatorGroup, indicator_groups, sign_class
from serving.web.ladder import Ladder, ladder
from serving.web.outlook_view import OutlookSection, outlook_section
from serving.web.override_view import overruled_text
from serving.web.recovery_view import RecoveryStory
from serving.web.shell import Fact, Shell, shell, tone
from serving.web.summary import Summary
from serving.wording import label_of
from tiering.lift.found import Lift

SHOWN_PARTS = 8
"""Parts of the score that get a bar of their own; the rest is summed."""


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One driver of the score, in a sentence."""

    amount: str
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class PartLine:
    """One line of the waterfall's table."""

    label: str
    points: str
    sign: str
    running: str


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """The customer page."""

    shell: Shell
    heading: str
    tier: str
    tone: str
    score: str
    headline: str
    margin: str
    overruled: str
    moves: tuple[str, ...]
    pack: tuple[str, ...]
    ladder: Ladder
    ladder_label: str
    referred: bool
    notes: tuple[str, ...]
    due: str
    recovery: RecoveryStory | None
    tiles: tuple[Fact, ...]
    parts: tuple[PartLine, ...]
    waterfall: Markup
    dimensions: tuple[DimensionLine, ...]
    missing: str
    radar: Markup
    up: tuple[ReasonLine, ...]
    down: tuple[ReasonLine, ...]
    lift: LiftStory | None
    outlook: OutlookSection | None
    groups: tuple[IndicatorGroup, ...]
    sum_label: str


def customer_page(
    writer: Writer,
    run: Run,
    grade: Grade,
    explanation: Explanation,
    summary: Summary,
    case: ReviewCase | None,
    lift: Lift | None = None,
    override: Override | None = None,
    outlook: Outlook | None = None,
    recovery: RecoveryStory | None = None,
) -> CustomerPage:
    """Build the page.

    Parameters
    ----------
    case
        The customer's open review case.
    lift
        What would lift the tier; None where it cannot be told.
    override
        What a panel decided about the customer and still holds.
    outlook
        What is expected of the customer; None where it cannot be told.
    recovery
        Of a customer under observation; None: of no other, or not for whoever asks.
    """
    grade = under(grade, override)
    words, basis = writer.words, grade.basis
    heading = words("customer.title", id=grade.customer_id)
    steps = waterfall_steps(writer, explanation)
    story = tell(grade, explanation, writer.lang)
    return CustomerPage(
        shell=shell(
            writer,
            heading,
            here=customer_address(grade.customer_id),
            run=run,
            basis=basis,
            charts=True,
        ),
        heading=heading,
        tier=grade.tier.label(writer.language),
        tone=tone(grade.tier.index),
        score=writer.points(grade.score),
        headline=story.headline,
        margin=story.margin,
        overruled=overruled_text(writer, grade),
        moves=_moves(writer, grade),
        pack=_pack(writer, grade),
        ladder=ladder(writer.language, grade.score, grade.tier, basis.tiers),
        ladder_label=words("customer.ladder", score=writer.points(grade.score)),
        referred=grade.referred,
        notes=story.referral,
        due=words("customer.referred_due", day=writer.day(case.due_at)) if case else "",
        recovery=recovery,
        tiles=customer_tiles(writer, run, grade, summary),
        parts=_part_lines(writer, explanation, steps),
        waterfall=embedded(
            waterfall(writer, explanation.base, steps, explanation.score, basis.tiers)
        ),
        dimensions=dimension_lines(writer, grade, explanation, summary),
        missing=missing_text(writer, grade),
        radar=embedded(
            radar(writer, basis.dimensions, grade.dimension_scores, summary.dimension_medians)
        ),
        up=_reason_lines(writer, story.positive),
        down=_reason_lines(writer, story.negative),
        lift=tell_lift(lift, grade, writer.lang) if lift else None,
        outlook=outlook_section(writer, outlook) if outlook else None,
        groups=indicator_groups(writer, grade, explanation),
        sum_label=words("customer.indicators.total", base=writer.points(explanation.base)),
    )


def waterfall_steps(writer: Writer, explanation: Explanation) -> tuple[Step, ...]:
    """Return the largest parts of the score, then the sum of all others.

    ``explanation.base`` plus the points of all steps is the score.
    """
    parts = sorted(explanation.by_indicator().items(), key=lambda part: -abs(part[1]))
    moving = [part for part in parts if part[1] != 0.0]
    steps = [Step(label_of(name, writer.lang), points) for name, points in moving[:SHOWN_PARTS]]
    others = moving[SHOWN_PARTS:]
    if others:
        label = writer.words("customer.waterfall.others", n=writer.plain(len(others)))
        steps.append(Step(label, sum(points for _, points in others)))
    return tuple(steps)


def _reason_lines(writer: Writer, drivers: tuple[Driver, ...]) -> tuple[ReasonLine, ...]:
    return tuple(
        ReasonLine(
            writer.points(driver.points, signed=True), sign_class(driver.points), driver.text
        )
        for driver in drivers
    )


def _moves(writer: Writer, grade: Grade) -> tuple[str, ...]:
    """Return what happened to the tier since the assessment before, and since when it is held."""
    if grade.tenure is None:
        return ()
    since = grade.tenure.since
    held = () if since is None else (writer.words("customer.since", day=writer.day(since)),)
    return (*grade.tenure.texts.get(writer.lang, ()), *held)


def _pack(writer: Writer, grade: Grade) -> tuple[str, ...]:
    """Return what the customer is promised, its own risk's terms last."""
    effective = grade.pack
    if effective is None:
        return ()
    chinese = writer.lang == "zh-CN"
    told = [effective.pack.text_zh if chinese else effective.pack.text_en]
    if effective.risk is not None:
        told.append(effective.risk.text_zh if chinese else effective.risk.text_en)
    return tuple(told)


def _part_lines(
    writer: Writer, explanation: Explanation, steps: tuple[Step, ...]
) -> tuple[PartLine, ...]:
    running = explanation.base
    lines = [
        PartLine(writer.words("customer.waterfall.base"), "", "", writer.plain(explanation.base, 2))
    ]
    for step in steps:
        running += step.points
        lines.append(
            PartLine(
                step.label,
                writer.plain(step.points, 2, signed=True),
                sign_class(step.points),
                writer.plain(running, 2),
            )
        )
    lines.append(
        PartLine(
            writer.words("customer.waterfall.score"), "", "", writer.plain(explanation.score, 2)
        )
    )
    return tuple(lines)
