"""What a tier gets: the policy pack that is returned with a grade (requirements #61, #62, #86).

A pack tells people and systems what was promised to the customers of a tier. Nothing here acts:
the numbers are read, never computed with.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tiering.condition import Condition, condition_faults, parse_condition
from tiering.errors import Fault, PolicyError
from tiering.texts import WORDS_JOINED_BY_UNDERSCORE, blank, repeated

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComplaintStandard(_Frozen):
    """How fast a complaint goes; the defaults are the standard 1-2-5 (#86).

    Attributes
    ----------
    confirm_hours, diagnose_hours
        Until it is confirmed, and until its cause is told.
    solve_working_days
        Until it is solved.
    escalate_hours
        A major one goes to the management within so many hours.
    """

    confirm_hours: Number = 1.0
    diagnose_hours: Number = 2.0
    solve_working_days: Number = 5.0
    escalate_hours: Number = 24.0


class PolicyPack(_Frozen):
    """The promises to one tier; None says that nothing is promised.

    Attributes
    ----------
    tier
        Id of the tier.
    response_hours, solution_hours
        Until the first reply, and until a solution.
    emergency_minutes
        Steps of an emergency, minutes after it was told, ascending.
    major_hours
        Until a major incident is settled.
    payment_terms_days
        Days until an invoice is due; 0: on delivery.
    prepay
        Whether delivery waits for the payment.
    resource_share
        Of a team's service resources, 0 to 1. A parameter of each tier, not a partition: the
        shares need not sum to 1 (X5).
    contacts_per_quarter
        Contacts by the account manager.
    executive_visits_per_month
        Visits by an executive.
    callback_days
        Until a customer is called back after a delivery or a service.
    complaint
        Times of a complaint.
    text_en, text_zh
        The pack in a sentence, for the customer's page.
    """

    tier: str
    response_hours: Number | None = None
    solution_hours: Number | None = None
    emergency_minutes: tuple[Count, ...] = ()
    major_hours: Number | None = None
    payment_terms_days: Count | None = None
    prepay: bool = False
    resource_share: Number | None = None
    contacts_per_quarter: Number | None = None
    executive_visits_per_month: Number | None = None
    callback_days: Number | None = None
    complaint: ComplaintStandard = ComplaintStandard()
    text_en: str = ""
    text_zh: str = ""


class RiskTerms(_Frozen):
    """Terms that replace those of the pack while a risk flag stands (#61).

    Attributes
    ----------
    flag
        Id of the risk: ``high_risk``.
    when
        Alternatives of conditions (``tiering/condition.py``) that raise the flag, each a list
        that must hold whole; empty: only the caller raises it.
    """

    flag: str
    when: tuple[tuple[str, ...], ...] = ()
    payment_terms_days: Count | None = None
    prepay: bool = True
    text_en: str = ""
    text_zh: str = ""

    @cached_property
    def conditions(self) -> tuple[tuple[Condition, ...], ...]:
        """The alternatives of :attr:`when`, read.

        Raises
        ------
        PolicyError
            If a text is no condition.
        """
        return tuple(tuple(map(parse_condition, every)) for every in self.when)

    @cached_property
    def indicators(self) -> frozenset[str]:
        """Indicators and predictions the conditions ask for."""
        return frozenset(each.indicator for every in self.conditions for each in every)


class Packs(_Frozen):
    """The packs of a scheme, one a tier, and the terms of risk flags, the strictest first."""

    tiers: tuple[PolicyPack, ...] = ()
    risks: tuple[RiskTerms, ...] = ()

    @cached_property
    def indicators(self) -> frozenset[str]:
        """Indicators and predictions that may raise a risk flag."""
        return frozenset(name for risk in self.risks for name in risk.indicators)


class EffectivePack(_Frozen):
    """A pack as it holds for one customer.

    Attributes
    ----------
    pack
        With the terms of the risk that applies.
    risk
        The risk terms applied; None: none were.
    """

    pack: PolicyPack
    risk: RiskTerms | None = None


def pack_of(packs: Packs, tier_id: str, flags: Collection[str] = ()) -> EffectivePack | None:
    """Return the pack of a tier under the customer's risk flags; None if it has none.

    A flag of high risk turns terms of 60 days into prepayment, whatever the tier (#61). Of
    several flags the first in the scheme counts. A flag without terms changes nothing.
    """
    found = next((pack for pack in packs.tiers if pack.tier == tier_id), None)
    if found is None:
        return None
    risk = next((risk for risk in packs.risks if risk.flag in flags), None)
    if risk is None:
        return EffectivePack(pack=found)
    terms = {"prepay": risk.prepay, "payment_terms_days": risk.payment_terms_days}
    return EffectivePack(pack=found.model_copy(update=terms), risk=risk)


def risk_flags(packs: Packs, values: Mapping[str, float]) -> frozenset[str]:
    """Return the flags whose conditions hold for one customer.

    Parameters
    ----------
    values
        Indicator or prediction name to its value; what is absent or NaN raises nothing.
    """
    return frozenset(
        risk.flag
        for risk in packs.risks
        if any(
            all(each.holds_of(values.get(each.indicator)) for each in every)
            for every in risk.conditions
        )
    )


def for_tiers(packs: Packs, renamed: Sequence[tuple[str, str]]) -> Packs:
    """Return packs for the tiers of another scheme.

    Parameters
    ----------
    renamed
        Pairs of a tier id here and the id there; a tier not named has no pack there.

    Raises
    ------
    PolicyError
        If a tier has no pack here.
    """
    by_tier = {pack.tier: pack for pack in packs.tiers}
    for tier, _ in renamed:
        if tier not in by_tier:
            raise PolicyError(
                f"There is no pack of {tier!r}.", hint=f"There are: {', '.join(by_tier)}."
            )
    tiers = tuple(by_tier[tier].model_copy(update={"tier": other}) for tier, other in renamed)
    return Packs(tiers=tiers, risks=packs.risks)


def pack_faults(packs: Packs, tier_ids: Sequence[str], place: str = "packs") -> Iterator[Fault]:
    """Yield every fault of a scheme's packs.

    Rules: tiers of the scheme, each once; both languages; times are not negative and come in
    order; shares lie between 0 and 1, and need not sum to 1 (X5); who prepays has no terms.

    Parameters
    ----------
    tier_ids
        Of the scheme, best to worst.
    """
    for index, pack in enumerate(packs.tiers):
        spot = f"{place}.tiers[{index}]"
        if pack.tier not in tier_ids:
            yield Fault(
                f"{spot}.tier",
                f"{pack.tier!r} is no tier of this scheme; there are: {', '.join(tier_ids)}.",
            )
        yield from blank(f"{spot}.", {"text_en": pack.text_en, "text_zh": pack.text_zh})
        yield from _numbers(spot, pack)
        yield from _numbers(f"{spot}.complaint", pack.complaint)
        yield from _terms(spot, pack)
        if pack.resource_share is not None and pack.resource_share > 1:
            yield Fault(
                f"{spot}.resource_share",
                f"{pack.resource_share:g} is more than the whole; 20 percent is 0.2 (X5).",
            )
        yield from _order(spot, pack)
    yield from repeated(f"{place}.tiers", "tier", [pack.tier for pack in packs.tiers])
    for index, risk in enumerate(packs.risks):
        spot = f"{place}.risks[{index}]"
        if not WORDS_JOINED_BY_UNDERSCORE.fullmatch(risk.flag):
            yield Fault(f"{spot}.flag", f"{risk.flag!r} must be lower-case words joined by '_'.")
        yield from blank(f"{spot}.", {"text_en": risk.text_en, "text_zh": risk.text_zh})
        yield from _numbers(spot, risk)
        yield from _terms(spot, risk)
        for text in [text for every in risk.when for text in every]:
            yield from condition_faults(f"{spot}.when", text)
        if not all(risk.when):
            yield Fault(f"{spot}.when", "has an alternative without any condition.")
    yield from repeated(f"{place}.risks", "flag", [risk.flag for risk in packs.risks])


def _numbers(place: str, model: BaseModel) -> Iterator[Fault]:
    for key, value in model:
        if isinstance(value, int | float) and value < 0:
            yield Fault(f"{place}.{key}", f"{value:g} must not be negative.")


def _terms(place: str, terms: PolicyPack | RiskTerms) -> Iterator[Fault]:
    if terms.prepay and terms.payment_terms_days:
        yield Fault(
            f"{place}.payment_terms_days",
            f"{terms.payment_terms_days} days contradict prepayment; leave one of them out.",
        )


def _order(place: str, pack: PolicyPack) -> Iterator[Fault]:
    steps = pack.emergency_minutes
    if any(later <= step for step, later in itertools.pairwise(steps)) or any(
        step <= 0 for step in steps
    ):
        yield Fault(f"{place}.emergency_minutes", "must be above 0 and ascending.")
    if (
        pack.response_hours is not None
        and pack.solution_hours is not None
        and pack.solution_hours < pack.response_hours
    ):
        yield Fault(
            f"{place}.solution_hours",
            f"{pack.solution_hours:g} is before the first reply after {pack.response_hours:g}.",
        )
