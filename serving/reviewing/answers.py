"""The answer to an appeal in words: the outcome, a concrete reason, a plan to do better (#96)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from serving.domain.appeal import Appeal, AppealOutcome
from serving.domain.case import Decision
from serving.domain.grade import LANGS, Explanation, Grade, Lang
from serving.errors import NotReadyError
from serving.lifting import lift_of, tell_lift
from serving.reasons import tell
from tiering.lift.found import Lift
from tiering.panel.policy import Named
from training.bundle import Bundle

_WORDS: Mapping[str, dict[str, str]] = tomllib.loads(
    (files("serving.reviewing") / "answers.toml").read_text("utf-8")
)
_AGAINST = 2
"""Reasons against a better grade that are told."""


def answer_to(
    appeal: Appeal,
    outcome: AppealOutcome,
    decision: Decision,
    grade: Grade,
    account: Explanation | None,
    reason: Named | None,
    bundle: Bundle | None,
    notes: Mapping[str, str],
) -> dict[str, list[str]]:
    """Return the sentences of an answer by language.

    Parameters
    ----------
    grade
        The grade the case looked at, under the override it came to.
    account
        Why that grade came out as it did.
    reason
        The decision's reason as the policy names it.
    bundle
        Tells what would lift the tier; where it is not the one of the grade, that part is left
        out, as a promise by another model would be none.
    notes
        Words of whoever answers, by language.
    """
    lift = _lift(bundle, grade)
    return {
        lang: _sentences(
            _WORDS[lang], lang, appeal, outcome, decision, grade, account, reason, lift, notes
        )
        for lang in LANGS
    }


def _sentences(
    words: Mapping[str, str],
    lang: Lang,
    appeal: Appeal,
    outcome: AppealOutcome,
    decision: Decision,
    grade: Grade,
    account: Explanation | None,
    reason: Named | None,
    lift: Lift | None,
    notes: Mapping[str, str],
) -> list[str]:
    labels = {tier.id: tier.label(lang) for tier in grade.basis.tiers}
    said = [
        words[outcome.value].format(
            tier=labels[decision.tier_id], wanted=labels[appeal.wanted_tier_id]
        )
    ]
    name = "" if reason is None else reason.label_zh if lang == "zh-CN" else reason.label_en
    said.append(words["reason"].format(reason=name, text=decision.texts.get(lang, "")).strip())
    if grade.overruled is not None:
        said.append(words["until"].format(day=decision.holds_until.date().isoformat()))
    if account is not None:
        story = tell(grade, account, lang)
        said += [words["standing"], story.forecast]
        against = [driver.text for driver in story.negative[:_AGAINST]]
        said += [words["weighs"], *against] if against else []
    if lift is not None:
        said += [words["plan"], *tell_lift(lift, grade, lang).sentences]
    return [sentence for sentence in (*said, notes.get(lang, "")) if sentence]


def _lift(bundle: Bundle | None, grade: Grade) -> Lift | None:
    if bundle is None:
        return None
    try:
        return lift_of(bundle, grade)
    except NotReadyError:
        return None
