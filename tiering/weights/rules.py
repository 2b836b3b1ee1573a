"""The rules by which weights are found and signed, from TOML (``rules.toml`` explains them)."""

from __future__ import annotations

import string
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field

from tiering.errors import Fault, WeightsError
from tiering.weights.documents import Frozen, read, refuse

Language = Literal["en", "zh"]
_Share = Annotated[float, Field(ge=0, le=1)]
_Text = Annotated[str, Field(min_length=1)]


class Role(Frozen):
    """A kind of member, and how many of them a full panel has."""

    id: _Text
    label_en: _Text
    label_zh: _Text
    members: Annotated[int, Field(ge=0)]


class DelphiRules(Frozen):
    """When a panel is in dispute, when it agrees and when it stops."""

    rounds: Annotated[int, Field(ge=1)]
    earliest_stop: Annotated[int, Field(ge=1)]
    agreed_w: _Share
    agreed_p: _Share
    spread: _Share
    spread_relative: _Share
    still: _Share
    least_for_feedback: Annotated[int, Field(ge=3)]


class AhpRules(Frozen):
    """How consistent judgements must be."""

    most_ratio: Annotated[float, Field(gt=0)]
    inconsistent: Literal["leave_out", "keep"]


class BlendRules(Frozen):
    """How small a weight may get, and what is assumed where nobody answered."""

    floor: _Share
    assumed_spread: Annotated[float, Field(gt=0, le=1)]
    level: Annotated[float, Field(gt=0, lt=1)]


class IndicatorRules(Frozen):
    """When an indicator's weight is proposed anew (#65)."""

    limit: Annotated[float, Field(gt=0, le=1)]


class SignoffRules(Frozen):
    """Who must sign."""

    signers: Annotated[int, Field(ge=2)]
    roles: tuple[_Text, ...]
    decimals: Annotated[int, Field(ge=2, le=9)]


class Texts(Frozen):
    """Sentences with fields in braces; :data:`FIELDS` tells which each may use."""

    title: _Text
    inside: _Text
    above: _Text
    below: _Text
    absent: _Text
    withheld: _Text
    disputed: _Text
    agreed: _Text
    go_on: _Text
    consensus: _Text
    stalled: _Text
    exhausted: _Text
    proposal: _Text
    flow: _Text
    no_better: _Text

    def say(self, name: str, **fields: object) -> str:
        """Return a sentence with its fields filled in."""
        template: str = getattr(self, name)
        return template.format(**fields)


_BESIDE = frozenset({"dimension", "own", "median", "low", "high"})
FIELDS: dict[str, frozenset[str]] = {
    "title": frozenset({"round", "members"}),
    **dict.fromkeys(("inside", "above", "below"), _BESIDE),
    "absent": _BESIDE - {"own"},
    "disputed": frozenset({"dimensions"}),
    "proposal": frozenset({"indicator", "misjudged", "limit", "by_chance", "before", "after"}),
    "flow": frozenset({"share", "source", "target"}),
    "no_better": frozenset({"dimension"}),
}
"""Fields of each sentence; those not named have none."""


class Rules(Frozen):
    """Everything a company decides about how its weights come about."""

    id: _Text
    version: _Text
    title_en: _Text
    title_zh: _Text
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    delphi: DelphiRules
    ahp: AhpRules
    blend: BlendRules
    indicators: IndicatorRules
    signoff: SignoffRules
    text_en: Texts
    text_zh: Texts

    def texts(self, language: Language) -> Texts:
        """Return the sentences of a language."""
        return self.text_en if language == "en" else self.text_zh

    @property
    def role_ids(self) -> tuple[str, ...]:
        """Ids of the roles, in their order."""
        return tuple(role.id for role in self.roles)


@cache
def packaged_rules() -> Rules:
    """Return the rules of the package."""
    return parse_rules((files("tiering") / "weights" / "rules.toml").read_text("utf-8"))


def parse_rules(text: str, *, origin: str = "rules") -> Rules:
    """Read rules from TOML text and check them.

    Raises
    ------
    WeightsError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"The file {origin} is not valid TOML: {error}.") from error
    faults: list[Fault] = []
    rules = read(Rules, document, "", faults)
    if rules is not None:
        faults += _faults(rules)
        if not faults:
            return rules
    raise refuse(
        f"The file {origin}",
        faults,
        "Compare with tiering/weights/rules.toml, which explains the format.",
    )


def _faults(rules: Rules) -> Iterator[Fault]:
    for role, count in Counter(rules.role_ids).items():
        if count > 1:
            yield Fault("roles", f"{role!r} stands {count} times.")
    for role in sorted(set(rules.signoff.roles) - set(rules.role_ids)):
        yield Fault("signoff.roles", f"{role!r} is no role; known: {', '.join(rules.role_ids)}.")
    if len(set(rules.signoff.roles)) > rules.signoff.signers:
        yield Fault(
            "signoff.signers",
            f"{rules.signoff.signers} people cannot hold {len(set(rules.signoff.roles))} roles.",
        )
    if rules.delphi.earliest_stop > rules.delphi.rounds:
        yield Fault("delphi.earliest_stop", f"comes after the {rules.delphi.rounds} rounds.")
    for language in ("text_en", "text_zh"):
        texts: Texts = getattr(rules, language)
        for name in Texts.model_fields:
            yield from _template(f"{language}.{name}", getattr(texts, name), FIELDS.get(name))


def _template(place: str, text: str, known: frozenset[str] | None) -> Iterator[Fault]:
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        yield Fault(place, f"has braces that do not match: {error}.")
        return
    for field in sorted(used - (known or frozenset())):
        yield Fault(place, f"has a field {{{field}}} that is not known here.")
