"""What would lift a customer's tier, computed on reading and told in sentences (#96)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from serving.domain.grade import Grade, Lang
from serving.domain.labels import TierLabel
from serving.errors import NotReadyError
from serving.wording import amount_of, fixed, label_of, lowered
from tiering.lift.found import Change, Lift, Proposal
from tiering.lift.proposals import lifts
from training.bundle import Bundle

_WORDS: Mapping[str, dict[str, str]] = tomllib.loads(
    (files("serving") / "lifting.toml").read_text("utf-8")
)


@dataclass(frozen=True, slots=True)
class LiftStory:
    """A lift in words.

    Attributes
    ----------
    proposals
        One sentence each, the least effort first.
    otherwise
        Where there is none: that there is none, and what the most feasible comes to.
    supplies
        One sentence for each supply.
    near
        Said where a panel decides because the border is close; may be empty.
    figures
        Said where the tier held is not that of the day's figures, which is what moves; may be
        empty.
    held
        What is held fixed.
    """

    proposals: tuple[str, ...]
    otherwise: tuple[str, ...]
    supplies: tuple[str, ...]
    near: str
    figures: str
    held: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in the order it is read."""
        said = (
            *(self.figures, *self.proposals, *self.otherwise, *self.supplies),
            *(self.near, self.held),
        )
        return tuple(sentence for sentence in said if sentence)


def lift_of(bundle: Bundle, grade: Grade) -> Lift:
    """Return what would lift a stored grade, by the bundle it was graded with.

    Raises
    ------
    NotReadyError
        If another bundle is loaded: its grades are not those of the run that is served.
    """
    if bundle.digest != grade.basis.bundle_digest:
        raise NotReadyError(
            "The served run was graded with another model than the one that is loaded, so its "
            "grades cannot be graded again.",
            hint="Run tierwise batch to grade by the loaded model, or load the one of the run.",
            run_id=grade.basis.run_id,
        )
    row = [grade.indicators.get(name) for name in bundle.columns]
    values = bundle.indicator_values(np.array([row], dtype=np.float64))
    return lifts(bundle.scheme, bundle.reference, values)[0]


def tell_lift(lift: Lift, grade: Grade, lang: Lang) -> LiftStory:
    """Tell what would lift a grade in a language."""
    words = _WORDS[lang]
    tiers = grade.basis.tiers
    if lift.tier == 0:
        best = words["best"].format(tier=tiers[0].label(lang))
        return LiftStory((), (best,), (), "", _figures(words, lift, grade, lang), "")
    above = tiers[lift.tier - 1].label(lang)
    return LiftStory(
        proposals=tuple(_proposal(words, lift, each, grade, lang) for each in lift.proposals),
        otherwise=() if lift.proposals else _otherwise(words, lift, grade, above, lang),
        supplies=tuple(
            words["supply"].format(
                names=_joined(words, [lowered(label_of(n, lang), lang) for n in each.indicators]),
                next=tiers[each.tier].label(lang),
            )
            for each in lift.supplies
        ),
        near=words["near"].format(up=fixed(lift.margin_up or 0.0, 2), next=above)
        if lift.near
        else "",
        figures=_figures(words, lift, grade, lang),
        held=words["held"],
    )


def step_of(change: Change, currency: str, lang: Lang) -> str:
    """Return what to do about one indicator, without a full stop: ``add one category``."""
    action = change.action
    name = action.indicator
    size = abs(change.after - change.before)
    counted = round(size * action.per, 6)
    chinese = lang == "zh-CN"
    template = action.text_zh if chinese else action.text_en
    if not chinese and counted == 1 and action.one_en:
        template = action.one_en
    # What is counted in another unit than the indicator's is a bare number.
    plain = action.per != 1
    return template.format(
        n=fixed(counted, 0 if counted == round(counted) else 1)
        if plain
        else amount_of(name, size, currency, lang),
        before=amount_of(name, change.before, currency, lang),
        after=amount_of(name, change.after, currency, lang),
    )


def _figures(words: Mapping[str, str], lift: Lift, grade: Grade, lang: Lang) -> str:
    if lift.tier == grade.tier.index:
        return ""
    raw = grade.basis.tiers[lift.tier].label(lang)
    return words["figures"].format(held=grade.tier.label(lang), raw=raw)


def _proposal(
    words: Mapping[str, str], lift: Lift, proposal: Proposal, grade: Grade, lang: Lang
) -> str:
    causes = [
        change.action.cause_zh if lang == "zh-CN" else change.action.cause_en
        for change in proposal.changes
    ]
    above = grade.basis.tiers[proposal.tier]
    text = words["lift"].format(
        tier=grade.basis.tiers[lift.tier].label(lang),
        causes=_joined(words, list(dict.fromkeys(causes))),
        steps=_steps(words, proposal, grade, lang),
        next=above.label(lang),
        points=_points(words, proposal, above),
    )
    return text + (words["to_panel"] if proposal.to_panel else "")


def _otherwise(
    words: Mapping[str, str], lift: Lift, grade: Grade, above: str, lang: Lang
) -> tuple[str, ...]:
    told = words["none"].format(next=above)
    if lift.attainable is not None:
        told = words["attainable"].format(
            next=above,
            steps=_steps(words, lift.attainable, grade, lang),
            points=_points(words, lift.attainable, grade.tier),
        )
    if not lift.blocked:
        return (told,)
    own = {dimension.id: dimension.label(lang) for dimension in grade.basis.dimensions}
    names = [lowered(own.get(name) or label_of(name, lang), lang) for name in lift.blocked]
    return (told, words["blocked"].format(names=_joined(words, names)))


def _steps(words: Mapping[str, str], proposal: Proposal, grade: Grade, lang: Lang) -> str:
    currency = grade.basis.currency
    return _joined(words, [step_of(change, currency, lang) for change in proposal.changes])


def _points(words: Mapping[str, str], proposal: Proposal, tier: TierLabel) -> str:
    # Where rules or a matrix decide, the score is no reason for a tier.
    return "" if tier.cut is None else words["points"].format(score=fixed(proposal.score, 1))


def _joined(words: Mapping[str, str], parts: Sequence[str]) -> str:
    *first, last = parts
    return words["comma"].join(first) + (words["and"] if first else "") + last
