"""Why a grade came out as it did, in sentences (English and Chinese, #74, #96)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import NamedTuple

from features.schema import CATALOGUE
from serving.domain.evidence import Evidence, Shape
from serving.domain.grade import Explanation, Grade, Lang, LayoutEntry
from serving.wording import WORDS, amount_of, channel_of, fixed, label_of, lowered, standing_of

_NOTICEABLE = 0.05
"""Points below which a driver is not worth a sentence: it would read as 0.0."""
_NEARLY = 0.99 * _NOTICEABLE
_ROUGH = 1e-6
"""Far more points than additions in another order differ by."""
_WORTH_A_HEADLINE = 0.5
"""Points below which a driver does not characterise a customer."""


class Driver(NamedTuple):  # made twelve times for an explanation, a third of a dataclass
    """All that one indicator does to a score, over its channels.

    Attributes
    ----------
    channels
        ``direct``, ``churn_probability``, ``ltv``; the strongest first.
    points
        Score points, signed.
    text
        One sentence.
    """

    indicator: str
    label: str
    channels: tuple[str, ...]
    points: float
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """A grade in words.

    Attributes
    ----------
    headline
        Score, tier and the strongest driver each way: one sentence.
    base
        Where the account starts.
    positive, negative
        The strongest drivers each way, strongest first.
    margin
        How far the neighbouring tiers are.
    forecast
        What the models expect.
    referral
        Why people look at it, or what to bear in mind; may be empty.
    """

    headline: str
    base: str
    positive: tuple[Driver, ...]
    negative: tuple[Driver, ...]
    margin: str
    forecast: str
    referral: tuple[str, ...]


def tell(grade: Grade, explanation: Explanation, lang: Lang, *, top: int = 3) -> Story:
    """Tell a grade in a language, with at most ``top`` drivers each way."""
    entries = explanation.entries
    shape = Shape.of([LayoutEntry(e.indicator, e.channel, e.dimension) for e in entries])
    ranks = {entry.indicator: entry.percentile for entry in reversed(entries)}
    evidence = Evidence(
        base=explanation.base,
        contributions=[entry.contribution for entry in entries],
        points={},
        weights={},
        percentiles=[ranks[name] for name in shape.indicators],
    )
    return tell_evidence((lang,), grade, shape, evidence, top=top)[lang]


def tell_evidence(
    langs: Iterable[Lang], grade: Grade, shape: Shape, evidence: Evidence, *, top: int = 3
) -> dict[Lang, Story]:
    """Tell a grade in several languages as :func:`tell` does, of the numbers alone.

    Its drivers are found once, and only those that are shown are put into words.
    """
    strongest = _strongest(grade, shape, evidence, top)
    base = fixed(evidence.base, 1)
    return {lang: _told(grade, base, strongest, lang) for lang in langs}


def _told(grade: Grade, base: str, strongest: tuple[list[_Effect], ...], lang: Lang) -> Story:
    words, currency = WORDS[lang], grade.basis.currency
    positive, negative = (
        tuple([_driver(effect, currency, lang) for effect in effects]) for effects in strongest
    )
    return Story(
        headline=_headline(words, grade, lang, positive, negative),
        base=words["base"].format(base=base),
        positive=positive,
        negative=negative,
        margin=_margin(words, grade, lang),
        forecast=_forecast(words, grade, lang),
        referral=tuple(grade.reason_texts.get(lang, ())),
    )


class _Effect(NamedTuple):
    """What one indicator does, in no language yet.

    Attributes
    ----------
    kind
        Of sentence.
    loud
        Channels worth a word, the strongest first.
    total
        Points, and how they are told.
    rank
        Percentile of the value.
    """

    name: str
    kind: str
    loud: tuple[str, ...]
    total: float
    points: str
    value: float | None
    rank: float | None


def _strongest(
    grade: Grade, shape: Shape, evidence: Evidence, top: int
) -> tuple[list[_Effect], list[_Effect]]:
    """Return the strongest drivers each way; only those are put into words."""
    parts = evidence.contributions
    rough = [0.0] * len(shape.indicators)
    for at, part in zip(shape.indicator_at, parts, strict=True):
        rough[at] += part
    chosen = [
        *_foremost([at for at, points in enumerate(rough) if points > _NEARLY], rough, top),
        *_foremost([at for at, points in enumerate(rough) if points < -_NEARLY], rough, top),
    ]
    channels = {at: _by_channel(shape.channels[at], parts) for at in chosen}
    totals = {at: math.fsum(channels[at].values()) for at in chosen}
    order = sorted(chosen, key=lambda at: -totals[at])
    best = [at for at in order if totals[at] >= _NOTICEABLE]
    worst = [at for at in reversed(order) if totals[at] <= -_NOTICEABLE]

    def effects(chosen: list[int]) -> list[_Effect]:
        return [
            _effect(grade, shape.indicators[at], totals[at], channels[at], evidence.percentiles[at])
            for at in chosen[:top]
        ]

    return effects(best), effects(worst)


def _foremost(places: list[int], rough: list[float], top: int) -> list[int]:
    """Return those that may be among the strongest once they are added up to the last bit."""
    if len(places) <= top:
        return places
    least = sorted([abs(rough[at]) for at in places], reverse=True)[top - 1] - _ROUGH
    return [at for at in places if abs(rough[at]) >= least]


def _by_channel(
    channels: tuple[tuple[str, tuple[int, ...]], ...], parts: Sequence[float]
) -> dict[str, float]:
    return {
        channel: parts[places[0]]
        if len(places) == 1
        else reduce(add, [parts[place] for place in places])
        for channel, places in channels
    }


def _effect(
    grade: Grade, name: str, total: float, channels: Mapping[str, float], rank: float | None
) -> _Effect:
    sizes = {channel: abs(points) for channel, points in channels.items() if points}
    # A channel that brings less than a tenth of the strongest would only lengthen it.
    most = max(sizes.values())
    loud = tuple(sorted([c for c in sizes if sizes[c] * 10 >= most], key=lambda c: -sizes[c]))
    value = grade.value(name)
    # The baseline and a model's own remainder have no value to show.
    if value is None:
        kind = "unknown" if name in CATALOGUE else "bare"
    else:
        kind = "valued" if rank is None else "ranked"
    return _Effect(name, kind, loud, total, fixed(abs(total), 1), value, rank)


def _driver(effect: _Effect, currency: str, lang: Lang) -> Driver:
    """Return what one indicator does, in a sentence."""
    name, kind, loud, total, points, value, rank = effect
    text = _sentence(kind, name, loud, total >= 0, lang).format(
        value="" if value is None else amount_of(name, value, currency, lang),
        standing=standing_of(rank, lang),
        points=points,
    )
    return Driver(name, label_of(name, lang), loud, total, text)


# Some hundred indicators act in a handful of ways.
@lru_cache(maxsize=4_096)
def _sentence(kind: str, name: str, channels: tuple[str, ...], adds: bool, lang: Lang) -> str:
    """Return a driver's sentence with fields for the value, its standing and the points."""
    words = WORDS[lang]
    spoken = words["and"].join(channel_of(c, lang) for c in channels if c not in ("direct", name))
    also = spoken and "direct" in channels
    fields = {
        "label": _literally(label_of(name, lang)),
        "value": "{value}",
        "standing": "{standing}",
        "points": words["points"].format(n="{points}"),
        "through": words["through"].format(channels=spoken) if spoken and not also else "",
        "also": words["also"].format(channels=spoken) if also else "",
    }
    verb = words["adds" if adds else "costs"].format(**fields)
    return words[kind].format(**fields, verb=verb)


def _literally(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _headline(
    words: Mapping[str, str],
    grade: Grade,
    lang: Lang,
    positive: tuple[Driver, ...],
    negative: tuple[Driver, ...],
) -> str:
    up = next((d for d in positive if d.points >= _WORTH_A_HEADLINE), None)
    down = next((d for d in negative if d.points <= -_WORTH_A_HEADLINE), None)
    fields = {
        "score": fixed(grade.score, 1),
        "tier": grade.tier.label(lang),
        "up": lowered(up.label, lang) if up else "",
        "down": lowered(down.label, lang) if down else "",
    }
    which = f"headline{'_up' if up else ''}{'_down' if down else ''}"
    return words[which].format(**fields)


def _margin(words: Mapping[str, str], grade: Grade, lang: Lang) -> str:
    tiers, index = grade.basis.tiers, grade.tier.index
    fields = {"tier": grade.tier.label(lang)}
    if grade.margin_up is not None:
        fields |= {"up": _near(grade.margin_up), "better": tiers[index - 1].label(lang)}
    if grade.margin_down is not None:
        fields |= {"down": _near(grade.margin_down)}
    if grade.margin_up is None and grade.margin_down is None:
        return words["margin_only"].format(**fields)
    if grade.margin_up is None:
        return words["margin_best"].format(**fields)
    if grade.margin_down is None:
        return words["margin_lowest"].format(**fields)
    return words["margin"].format(**fields)


def _forecast(words: Mapping[str, str], grade: Grade, lang: Lang) -> str:
    basis, told = grade.basis, []
    if grade.churn_probability is not None:
        told.append(
            words["churn"].format(
                days=basis.churn_horizon_days, share=f"{fixed(grade.churn_probability * 100, 1)}%"
            )
        )
    if grade.ltv is not None:
        money = [
            None if x is None else amount_of("ltv", x, basis.currency, lang)
            for x in (grade.ltv, grade.ltv_lower, grade.ltv_upper)
        ]
        which = "ltv" if None in money else "ltv_range"
        told.append(
            words[which].format(
                days=basis.ltv_horizon_days, ltv=money[0], low=money[1], high=money[2]
            )
        )
    return words["gap"].join(told)


def _near(points: float) -> str:
    # A hundredth of a point decides a tier, so small margins are not rounded to 0.0.
    return fixed(points, 1 if points >= 1 else 2)
