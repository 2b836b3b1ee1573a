"""What can be done about a grade: actions as data, and the rules they must keep."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter

from pydantic import BaseModel, ConfigDict, Field

from features.schema import CATALOGUE, Direction
from tiering.errors import Fault
from tiering.policy import Number
from tiering.policy_text import parse_policy
from tiering.texts import blank, repeated

FIELDS = frozenset({"n", "before", "after"})
"""What a text may show: the size of the change, and the values before and after it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(_Frozen):
    """A way to move one indicator in its good direction; ``actions.toml`` explains the keys.

    Attributes
    ----------
    by, by_share, to
        A step in the indicator's unit, or as a share of the present value, or all the way to a
        value at once: one of the three.
    steps
        Steps at most; together with ``by`` the step limit.
    until
        Value that is never passed, in the indicator's unit.
    percentile
        Percent (50 to 100) of the reference population that a value may not be better than.
    effort
        Of one step, whole points from 1.
    per
        Factor from the change to what people count.
    cause_en, cause_zh
        What holds a customer back where this would help.
    text_en, one_en, text_zh
        What to do; ``one_en`` where the counted change is 1.
    """

    indicator: str
    by: Number | None = None
    by_share: Number | None = None
    to: Number | None = None
    steps: int = Field(default=1, ge=1, le=20, strict=True)
    until: Number | None = None
    percentile: Number = Field(default=90.0, ge=50, le=100)
    effort: int = Field(ge=1, le=100, strict=True)
    per: Number = Field(default=1.0, gt=0)
    cause_en: str = ""
    cause_zh: str = ""
    text_en: str = ""
    one_en: str = ""
    text_zh: str = ""


class Actions(_Frozen):
    """A versioned policy of actions.

    Attributes
    ----------
    most_changes, most_proposals
        Changes of one proposal and proposals for one customer, at most.
    supplies
        Indicators that can be supplied where they are missing.
    """

    version: str
    most_changes: int = Field(ge=1, le=5, strict=True)
    most_proposals: int = Field(ge=1, le=10, strict=True)
    supplies: tuple[str, ...] = ()
    actions: tuple[Action, ...]

    @property
    def sha256(self) -> str:
        """Hex digest of the content, texts included."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


@cache
def packaged_actions() -> Actions:
    """Return the actions of the package."""
    return parse_actions((files("tiering.lift") / "actions.toml").read_text("utf-8"))


def load_actions(path: Path) -> Actions:
    """Read a company's own actions; raises as :func:`parse_actions`."""
    return parse_actions(path.read_text("utf-8"), origin=path.name)


def parse_actions(text: str, *, origin: str = "actions") -> Actions:
    """Read actions from TOML text and check them; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        Actions,
        _faults,
        what="Actions",
        origin=origin,
        pattern="tiering/lift/actions.toml",
    )


def _faults(policy: Actions) -> Iterator[Fault]:
    yield from blank("", {"version": policy.version})
    yield from repeated("actions", "indicator", [each.indicator for each in policy.actions])
    yield from repeated("supplies", "indicator", policy.supplies)
    for name in policy.supplies:
        if name not in CATALOGUE:
            yield Fault("supplies", f"{name!r} is not in the catalogue.")
    for each in policy.actions:
        yield from _action(f"actions.{each.indicator}", each)


def _action(place: str, action: Action) -> Iterator[Fault]:
    indicator = CATALOGUE.get(action.indicator)
    if indicator is None:
        yield Fault(place, "is not in the catalogue; predictions follow and are not acted on.")
    elif indicator.direction is Direction.NEUTRAL:
        yield Fault(place, "has no better direction to move in.")
    given = [key for key in ("by", "by_share", "to") if getattr(action, key) is not None]
    if len(given) != 1:
        yield Fault(place, "needs one of by, by_share and to.")
    for key in ("by", "by_share"):
        step = getattr(action, key)
        if step is not None and not (0 < step < math.inf):
            yield Fault(f"{place}.{key}", f"{step:g} must be above 0; the direction is known.")
    if action.to is not None and action.steps != 1:
        yield Fault(f"{place}.steps", "to goes all the way at once; leave the steps out.")
    texts = {key: getattr(action, key) for key in ("cause_en", "cause_zh", "text_en", "text_zh")}
    yield from blank(f"{place}.", texts)
    for key in ("text_en", "one_en", "text_zh"):
        try:
            fields = {name for _, name, _, _ in Formatter().parse(getattr(action, key)) if name}
        except ValueError as error:
            yield Fault(f"{place}.{key}", f"is no template: {error}.")
            continue
        for name in sorted(fields - FIELDS):
            yield Fault(f"{place}.{key}", f"{{{name}}} is none of {', '.join(sorted(FIELDS))}.")
