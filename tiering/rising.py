"""Rising stars: customers of the lowest tier who show signs of becoming more (#58).

The documents look for three months of growth in a row, frequent enquiries about new products and
the intention to buy in bulk; they found such signs in 20 % of the lowest tier, and 30 % of those
were upgraded later. What the signs are worth here: ``docs/migration.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from features.schema import CATALOGUE, PREDICTIONS, FloatArray
from tiering.condition import BoolArray, Condition, parse_condition
from tiering.errors import Fault, PolicyError
from tiering.policy_text import parse_policy
from tiering.texts import blank, labelled


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RisingSign(_Frozen):
    """One sign; it is there where all conditions hold."""

    id: str
    label_en: str = ""
    label_zh: str = ""
    when: tuple[str, ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """``when`` as read."""
        return tuple(map(parse_condition, self.when))


class RisingPolicy(_Frozen):
    """Signs, and how many of them make a rising star.

    Attributes
    ----------
    version
        Of the policy.
    needed
        Least number of signs.
    text_en, text_zh
        Format strings of the reason; field ``signs``.
    """

    version: str
    needed: Annotated[int, Field(strict=True)] = 1
    text_en: str
    text_zh: str
    signs: tuple[RisingSign, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RisingStars:
    """What the screen found among ``n`` customers.

    Attributes
    ----------
    policy
        The policy that screened.
    screened
        ``(n,)`` rising stars: of the lowest tier and with enough signs.
    signs
        ``(n, s)`` which signs are there, in any tier.
    """

    policy: RisingPolicy
    screened: BoolArray
    signs: BoolArray

    def reason(self, row: int, language: Literal["en", "zh"]) -> str:
        """Return why one customer is a rising star, in words; empty if it is none."""
        if not self.screened[row]:
            return ""
        english = language == "en"
        found = [self.policy.signs[i] for i in np.flatnonzero(self.signs[row])]
        labels = [sign.label_en if english else sign.label_zh for sign in found]
        text = self.policy.text_en if english else self.policy.text_zh
        return text.format(signs=(", " if english else "、").join(labels))


def screen(
    policy: RisingPolicy,
    tier: npt.NDArray[np.integer],
    n_tiers: int,
    values: Mapping[str, FloatArray],
) -> RisingStars:
    """Look for rising stars in the lowest tier.

    Parameters
    ----------
    tier
        ``(n,)`` tier held, 0 the best.
    n_tiers
        Tiers of the scheme.
    values
        Indicator name to ``(n,)`` values, NaN where unknown; an absent column is unknown for
        everybody, and what is unknown is no sign.
    """
    n = len(tier)
    signs = np.ones((n, len(policy.signs)), dtype=np.bool_)
    for column, sign in enumerate(policy.signs):
        for condition in sign.conditions:
            signs[:, column] &= condition.holds(values.get(condition.indicator), n)
    screened = (tier == n_tiers - 1) & (signs.sum(axis=1) >= policy.needed)
    return RisingStars(policy, np.asarray(screened, dtype=np.bool_), signs)


@cache
def packaged_rising() -> RisingPolicy:
    """Return the policy of the package, ``tiering/rising.toml``."""
    return parse_rising((files("tiering") / "rising.toml").read_text("utf-8"), "rising")


def parse_rising(text: str, origin: str = "rising") -> RisingPolicy:
    """Read a policy from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        RisingPolicy,
        rising_faults,
        what="Rising-star policy",
        origin=origin,
        pattern="tiering/rising.toml",
    )


def rising_faults(policy: RisingPolicy) -> Iterator[Fault]:
    """Yield every fault of a policy: texts, ids, conditions, and how many signs are needed."""
    texts = {"version": policy.version, "text_en": policy.text_en, "text_zh": policy.text_zh}
    yield from blank("", texts)
    for key in ("text_en", "text_zh"):
        try:
            texts[key].format(signs="")
        except (LookupError, ValueError):
            yield Fault(key, "may have the field {signs} and no other.")
    if not 1 <= policy.needed <= len(policy.signs):
        yield Fault("needed", f"{policy.needed} must lie between 1 and {len(policy.signs)} signs.")
    yield from labelled("signs", ((s.id, s.label_en, s.label_zh) for s in policy.signs))
    for index, sign in enumerate(policy.signs):
        place = f"signs[{index}].when"
        if not sign.when:
            yield Fault(place, "is empty; everybody would have this sign.")
        for text in sign.when:
            yield from _condition(place, text)


def _condition(place: str, text: str) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    if condition.indicator not in CATALOGUE and condition.indicator not in PREDICTIONS:
        yield Fault(place, f"{condition.indicator!r} is not in the catalogue.")
    if condition.sign == "unknown":
        yield Fault(place, f"{text!r}: missing data is no sign.")
