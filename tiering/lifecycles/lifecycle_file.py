"""Reading lifecycle policies from TOML, and the rules they must keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from features.schema import CATALOGUE, PREDICTIONS
from tiering.condition import parse_condition
from tiering.errors import Fault, PolicyError, SchemeError
from tiering.lifecycles.lifecycle import Lifecycle, Stage
from tiering.policy_text import parse_policy

PACKAGED = ("six", "four", "aarrr")
"""Policies of the package; lists of customers are filtered by the stages of the first."""

SILENCE = frozenset({"days_since_last_order", "recency_to_interval_ratio"})
"""Indicators that grow while a customer is silent."""

_POLICY_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_STAGE_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@cache
def packaged_lifecycles() -> tuple[Lifecycle, ...]:
    """Return the policies of the package, in the order of :data:`PACKAGED`."""
    return tuple(load_lifecycle(name) for name in PACKAGED)


def load_lifecycle(path_or_name: str | Path) -> Lifecycle:
    """Read a policy and check it: a packaged name (``six``) or the path of a TOML file.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    name = str(path_or_name)
    if name in PACKAGED:
        text = (files("tiering") / "lifecycles" / f"{name}.toml").read_text("utf-8")
        return parse_lifecycle(text, origin=name)
    path = Path(path_or_name)
    if not path.is_file():
        raise SchemeError(
            f"There is no lifecycle policy {name!r}.",
            hint=f"Give the path of a TOML file, or one of: {', '.join(PACKAGED)}.",
        )
    return parse_lifecycle(path.read_text("utf-8"), origin=path.name)


def parse_lifecycle(text: str, *, origin: str = "lifecycle") -> Lifecycle:
    """Read a policy from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        Lifecycle,
        faults,
        what="Lifecycle policy",
        origin=origin,
        pattern="tiering/lifecycles/six.toml",
    )


def faults(policy: Lifecycle) -> Iterator[Fault]:
    """Yield every fault of a policy.

    Rules: stages are told apart in both languages; each is tried once and the last one tried
    takes all the rest (X8); conditions ask for indicators that exist, and for silence only
    from a limit upwards, so that a longer silence never leads back to a stage tried later.
    """
    if not _POLICY_ID.fullmatch(policy.id):
        yield Fault("id", f"{policy.id!r} must be lower-case words joined by '-'.")
    if len(policy.stages) < 2:
        yield Fault("stages", f"has {len(policy.stages)} entries; a lifecycle needs 2.")
    texts = {"version": policy.version, "title_en": policy.title_en, "title_zh": policy.title_zh}
    yield from (Fault(key, "is missing.") for key, text in texts.items() if not text.strip())
    for key in ("id", "label_en", "label_zh"):
        yield from _repeated(f"stages.{key}", (getattr(stage, key) for stage in policy.stages))
    ids = [stage.id for stage in policy.stages]
    yield from _repeated("precedence", policy.precedence)
    if set(policy.precedence) != set(ids):
        yield Fault("precedence", f"must name every stage and nothing else: {', '.join(ids)}.")
    for stage in policy.stages:
        yield from _stage(stage, is_last=policy.precedence[-1:] == (stage.id,))


def _repeated(place: str, texts: Iterable[str]) -> Iterator[Fault]:
    for text, count in Counter(texts).items():
        if count > 1 and text.strip():
            yield Fault(place, f"{text!r} stands {count} times.")


def _stage(stage: Stage, *, is_last: bool) -> Iterator[Fault]:
    place = f"stages.{stage.id}"
    if not _STAGE_ID.fullmatch(stage.id):
        yield Fault(f"{place}.id", "must be lower-case words joined by '_'.")
    labels = {"label_en": stage.label_en, "label_zh": stage.label_zh}
    yield from (
        Fault(f"{place}.{key}", "is missing.") for key, text in labels.items() if not text.strip()
    )
    if is_last and stage.when:
        yield Fault(f"{place}.when", "must be left out: it is tried last and takes all the rest.")
    if not is_last and not all(stage.when):
        yield Fault(f"{place}.when", "has an alternative without any condition.")
    if not is_last and not stage.when:
        yield Fault(f"{place}.when", "is missing; only the stage tried last needs none.")
    for every in stage.when:
        for text in every:
            yield from _condition(f"{place}.when", text)


def _condition(place: str, text: str) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    name = condition.indicator
    if name not in CATALOGUE and name not in PREDICTIONS:
        yield Fault(place, f"{name!r} is not in the catalogue.")
    if name in SILENCE and condition.sign == "<":
        yield Fault(
            place, f"{text!r} would end with a longer silence; ask for silence with '>=' only."
        )
