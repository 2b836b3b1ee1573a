"""Why a grade came out as it did, in sentences (English and Chinese, #74, #96)."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from features.schema import CATALOGUE, PREDICTIONS, Indicator
from serving.domain.grade import Explanation, Grade, Lang

BASELINE = "baseline"
"""The pseudo indicator of the purchase-history baseline that the LTV model corrects."""
_NOTICEABLE = 0.05
"""Points below which a driver is not worth a sentence: it would read as 0.0."""
_WORTH_A_HEADLINE = 0.5
"""Points below which a driver does not characterise a customer."""
_WORDS: Mapping[str, dict[str, str]] = tomllib.loads(
    (files("serving") / "reasons.toml").read_text("utf-8")
)


@dataclass(frozen=True, slots=True)
class Driver:
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
    return tell_in((lang,), grade, explanation, top=top)[lang]


def tell_in(
    langs: Iterable[Lang], grade: Grade, explanation: Explanation, *, top: int = 3
) -> dict[Lang, Story]:
    """Tell a grade in several languages as :func:`tell` does; its drivers are found once."""
    strongest = _strongest(explanation, top)
    return {lang: _told(grade, explanation, strongest, lang) for lang in langs}


def _told(
    grade: Grade, explanation: Explanation, strongest: tuple[list[_Effect], ...], lang: Lang
) -> Story:
    words = _WORDS[lang]
    positive, negative = (
        tuple(_driver(grade, effect, lang) for effect in effects) for effects in strongest
    )
    return Story(
        headline=_headline(words, grade, lang, positive, negative),
        base=words["base"].format(base=fixed(explanation.base, 1)),
        positive=positive,
        negative=negative,
        margin=_margin(words, grade, lang),
        forecast=_forecast(words, grade, lang),
        referral=tuple(grade.reason_texts.get(lang, ())),
    )


def label_of(name: str, lang: Lang) -> str:
    """Return the name for people of an indicator, a prediction or the baseline."""
    if name == BASELINE:
        return _WORDS[lang]["baseline"]
    indicator = _described(name)
    if indicator is None:
        return name
    return indicator.label_zh if lang == "zh-CN" else indicator.label_en


def channel_of(channel: str, lang: Lang) -> str:
    """Return the words for a channel: empty for ``direct``, else ``through churn risk``."""
    return _WORDS[lang][f"channel.{channel}"]


def amount_of(name: str, value: float, currency: str, lang: Lang) -> str:
    """Return an indicator's value with its unit."""
    indicator = _described(name)
    unit = "ratio" if indicator is None else indicator.unit
    words = _WORDS[lang]
    whole = 0 if value == round(value) else 1
    formats: dict[str, Callable[[], str]] = {
        "money": lambda: f"{currency} {fixed(value, 0 if abs(value) >= 1000 else 2)}",
        "rate": lambda: f"{fixed(value * 100, 1)}%",
        "change": lambda: fixed(value, 2, signed=True),
        "days": lambda: words["days" if abs(value) != 1 else "day"].format(n=fixed(value, whole)),
        "count": lambda: fixed(value, whole),
        "score": lambda: fixed(value, 1),
        "ratio": lambda: fixed(value, 2),
    }
    return formats[unit]()


def standing_of(percentile: float | None, lang: Lang) -> str:
    """Return where a value stands: ``higher than 93% of customers``; empty if unknown."""
    words = _WORDS[lang]
    if percentile is None:
        return ""
    if 45.0 <= percentile <= 55.0:
        return words["middle"]
    # Never "100% of customers": the customer is one of them.
    share = min(math.floor(max(percentile, 100.0 - percentile)), 99)
    return words["higher" if percentile > 50.0 else "lower"].format(share=f"{share}%")


class _Effect(NamedTuple):
    """What one indicator does: its points by channel, and the percentile of its value."""

    name: str
    channels: Mapping[str, float]
    rank: float | None


def _strongest(explanation: Explanation, top: int) -> tuple[list[_Effect], list[_Effect]]:
    """Return the strongest drivers each way; only those are put into words."""
    parts: dict[str, dict[str, float]] = {}
    ranks: dict[str, float | None] = {}
    for entry in explanation.entries:
        name = entry.indicator
        channels = parts.get(name)
        if channels is None:
            parts[name] = {entry.channel: 0.0 + entry.contribution}
            ranks[name] = entry.percentile
        else:
            channels[entry.channel] = channels.get(entry.channel, 0.0) + entry.contribution
    totals = {name: math.fsum(channels.values()) for name, channels in parts.items()}
    names = sorted(totals, key=lambda name: -totals[name])
    best = [name for name in names if totals[name] >= _NOTICEABLE]
    worst = [name for name in reversed(names) if totals[name] <= -_NOTICEABLE]

    def effects(chosen: list[str]) -> list[_Effect]:
        return [_Effect(name, parts[name], ranks[name]) for name in chosen[:top]]

    return effects(best), effects(worst)


def _driver(grade: Grade, effect: _Effect, lang: Lang) -> Driver:
    """Return what one indicator does, in a sentence."""
    name, channels, rank = effect
    words = _WORDS[lang]
    total = math.fsum(channels.values())
    acting = sorted((c for c in channels if channels[c]), key=lambda c: -abs(channels[c]))
    # A channel that brings less than a tenth of the strongest would only lengthen it.
    loud = tuple(c for c in acting if abs(channels[c]) * 10 >= abs(channels[acting[0]]))
    label = label_of(name, lang)
    value = grade.value(name)
    fields = {
        "label": label,
        "value": "" if value is None else amount_of(name, value, grade.basis.currency, lang),
        "standing": standing_of(rank, lang),
        "points": words["points"].format(n=fixed(abs(total), 1)),
        **_through(words, name, loud, lang),
    }
    verb = words["adds" if total >= 0 else "costs"].format(**fields)
    # The baseline and a model's own remainder have no value to show.
    if value is None and name in CATALOGUE:
        text = words["unknown"].format(**fields, verb=verb)
    elif value is None:
        text = words["bare"].format(**fields, verb=verb)
    elif not fields["standing"]:
        text = words["valued"].format(**fields, verb=verb)
    else:
        text = words["ranked"].format(**fields, verb=verb)
    return Driver(name, label, loud, total, text)


def _through(
    words: Mapping[str, str], name: str, channels: tuple[str, ...], lang: Lang
) -> dict[str, str]:
    spoken = words["and"].join(channel_of(c, lang) for c in channels if c not in ("direct", name))
    also = spoken and "direct" in channels
    return {
        "through": words["through"].format(channels=spoken) if spoken and not also else "",
        "also": words["also"].format(channels=spoken) if also else "",
    }


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


def _described(name: str) -> Indicator | None:
    return CATALOGUE.get(name) or PREDICTIONS.get(name)


def lowered(label: str, lang: Lang) -> str:
    """Return a label as it stands inside a sentence."""
    return label if lang == "zh-CN" else label[:1].lower() + label[1:]


def _near(points: float) -> str:
    # A hundredth of a point decides a tier, so small margins are not rounded to 0.0.
    return fixed(points, 1 if points >= 1 else 2)


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Return ``1,234.5``, with a real minus sign; with ``signed`` a plus above 0."""
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in "123456789" for digit in text):
        return text
    return f"{'−' if value < 0 else '+' if signed else ''}{text}"
