"""The change of a score in sentences (English and Chinese, #74, #96)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from features.schema import CATALOGUE
from serving.changing import ChangePart, ScoreChange
from serving.domain.grade import Lang
from serving.wording import amount_of, fixed, label_of

TOLD = 3
"""Parts that are put into words."""
_NOTICEABLE = 0.05
"""Points below which a part would read as 0.0."""
_WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    (files("serving") / "change_words.toml").read_text("utf-8")
)


def tell_change(change: ScoreChange, lang: Lang) -> tuple[str, ...]:
    """Return what happened, and why by its largest parts, in a language."""
    words = _WORDS[lang]
    before, after = change.before, change.after
    fields = {
        "points": fixed(abs(change.points), 1),
        "before": fixed(before.score, 1),
        "after": fixed(after.score, 1),
        "day_before": before.basis.as_of.isoformat(),
        "day_after": after.basis.as_of.isoformat(),
        "tier_before": before.tier.label(lang),
        "tier_after": after.tier.label(lang),
    }
    small = abs(change.points) < _NOTICEABLE
    told = [words["stayed" if small else "rose" if change.points > 0 else "fell"]]
    if fields["tier_before"] != fields["tier_after"]:
        told.append(words["tier"])
    loud = [part for part in change.parts[:TOLD] if abs(part.points) >= _NOTICEABLE]
    return (
        *(sentence.format(**fields) for sentence in told),
        *(part_text(change, part, lang) for part in loud),
    )


def part_text(change: ScoreChange, part: ChangePart, lang: Lang) -> str:
    """Return one part of a change in a sentence."""
    words, currency = _WORDS[lang], change.after.basis.currency
    verb = words["adds" if part.points >= 0 else "costs"].format(points=fixed(abs(part.points), 1))
    day = change.before.basis.as_of.isoformat()
    if part.indicator is None:
        return words[part.kind].format(verb=verb, day_before=day)
    then, now = (
        "" if value is None else amount_of(part.indicator, value, currency, lang)
        for value in (part.value_before, part.value_after)
    )
    return words[_which(part)].format(
        label=label_of(part.indicator, lang), value_before=then, value_after=now, verb=verb
    )


def _which(part: ChangePart) -> str:
    then, now = part.value_before, part.value_after
    if then is None and now is None:
        # The baseline and what a model leaves unexplained have no value to show.
        return "unknown" if part.indicator in CATALOGUE else "bare"
    if then is None:
        return "known"
    if now is None:
        return "lost"
    return "same" if then == now else "moved"
