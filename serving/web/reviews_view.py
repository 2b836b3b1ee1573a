"""The review queue as data: live cases in words, earliest due date first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from serving.domain.case import CaseKind, CaseStatus, ReviewCase
from serving.domain.grade import Run
from serving.domain.labels import TierLabel
from serving.web.addresses import address, customer_address
from serving.web.customer_list import Choice
from serving.web.formats import Writer
from serving.web.i18n import messages
from serving.web.recovery_view import RecoverySection
from serving.web.shell import Fact, Paging, Shell, paging, shell, tone
from tiering.panel.policy import PanelPolicy
from tiering.panel.policy_file import packaged_panel

APPEAL = "appeal"
"""Why people look at a case that is an appeal, beside the codes of referrals."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One live case."""

    customer_id: str
    address: str
    tier: str
    tone: str
    score: str
    distance: str
    reasons: tuple[str, ...]
    opened: str
    due: str
    overdue: bool
    state: str
    level: str


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    """The review queue page."""

    shell: Shell
    tiles: tuple[Fact, ...]
    choices: tuple[Choice, ...]
    filtered: bool
    cases: tuple[CaseLine, ...]
    paging: Paging
    observed: RecoverySection | None


def codes_of(case: ReviewCase) -> tuple[str, ...]:
    """Return why people look at a case: the referral's reasons, or that it is an appeal."""
    return (APPEAL,) if case.kind is CaseKind.APPEAL else case.reasons


def reason_name(writer: Writer, code: str) -> str:
    """Return the short name of a referral reason; an unknown code stands for itself."""
    return messages(writer.language).get(f"reason.{code}", code)


def nearest_cut(score: float, tiers: Iterable[TierLabel]) -> tuple[TierLabel, float] | None:
    """Return the tier whose cut is nearest and ``score - cut``; None without any cut."""
    distances = [(tier, score - tier.cut) for tier in tiers if tier.cut]
    return min(distances, key=lambda item: abs(item[1]), default=None)


def distance_text(writer: Writer, score: float, tiers: Iterable[TierLabel]) -> str:
    """Return how far a score is from the nearest cut, and on which side."""
    nearest = nearest_cut(score, tiers)
    if nearest is None:
        return writer.absent
    tier, distance = nearest
    return writer.words(
        "reviews.below" if distance < 0 else "reviews.above",
        points=writer.plain(abs(distance), 2),
        tier=tier.label(writer.language),
    )


def reviews_page(
    writer: Writer,
    run: Run,
    cases: Iterable[ReviewCase],
    *,
    reason: str,
    page: int,
    size: int,
    now: datetime,
    policy: PanelPolicy | None = None,
    observed: RecoverySection | None = None,
) -> ReviewsPage:
    """Build the page.

    Parameters
    ----------
    cases
        All live cases.
    reason
        Only cases with this reason code; empty for all.
    now
        Naive UTC; what is due before it is overdue.
    policy
        Names the levels; the packaged one by default.
    observed
        Customers under observation; None: there are none, or not for whoever asks.
    """
    panel = policy or packaged_panel()
    words = writer.words
    queue = sorted(cases, key=lambda case: (case.due_at, -case.score, case.customer_id))
    counts = Counter(code for case in queue for code in codes_of(case))
    kept = [case for case in queue if not reason or reason in codes_of(case)]
    claimed = sum(case.status is CaseStatus.CLAIMED for case in queue)
    last_page = max(1, -(-len(kept) // size))
    offset = (min(max(page, 1), last_page) - 1) * size
    rows = kept[offset : offset + size]
    overdue = sum(case.due_at < now for case in queue)
    return ReviewsPage(
        shell=shell(
            writer,
            words("reviews.title"),
            here=address("/reviews", reason=reason, page=page if page > 1 else None),
            current="/reviews",
            run=run,
        ),
        tiles=(
            Fact(words("reviews.open"), writer.plain(len(queue))),
            Fact(words("reviews.overdue"), writer.plain(overdue)),
            Fact(words("reviews.claimed"), writer.plain(claimed)),
            *(
                Fact(reason_name(writer, code), writer.plain(count))
                for code, count in counts.most_common()
            ),
        ),
        choices=(
            Choice("", words("reviews.all_reasons"), not reason),
            *(
                Choice(code, reason_name(writer, code), code == reason)
                for code in sorted({*counts, *([reason] if reason else [])})
            ),
        ),
        filtered=bool(reason),
        cases=tuple(_line(writer, run, case, now, panel) for case in rows),
        paging=paging(
            writer,
            "/reviews",
            offset=offset,
            shown=len(rows),
            total=len(kept),
            size=size,
            reason=reason,
        ),
        observed=observed,
    )


def _line(
    writer: Writer, run: Run, case: ReviewCase, now: datetime, panel: PanelPolicy
) -> CaseLine:
    tiers = {tier.id: tier for tier in run.basis.tiers}
    tier = tiers.get(case.tier_id)
    level = panel.levels[min(case.level, len(panel.levels) - 1)]
    return CaseLine(
        customer_id=case.customer_id,
        address=customer_address(case.customer_id),
        # A case of an older scheme may stand in a tier that the current one does not have.
        tier=tier.label(writer.language) if tier else case.tier_id,
        tone=tone(tier.index) if tier else "",
        score=writer.points(case.score),
        distance=distance_text(writer, case.score, run.basis.tiers),
        reasons=tuple(reason_name(writer, code) for code in codes_of(case)),
        opened=writer.day(case.opened_at),
        due=writer.day(case.due_at),
        overdue=case.due_at < now,
        state=writer.words(
            "reviews.state_claimed" if case.status is CaseStatus.CLAIMED else "reviews.state_open"
        ),
        level=level.label_zh if writer.lang == "zh-CN" else level.label_en,
    )
