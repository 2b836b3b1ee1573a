"""The rules a migration policy must keep; every breach is told at once, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.schema import CATALOGUE, PREDICTIONS, describe
from tiering.condition import parse_condition
from tiering.errors import Fault, PolicyError
from tiering.migration.policy import MigrationPolicy
from tiering.texts import blank

MAX_SCORE = 100.0


def migration_faults(
    policy: MigrationPolicy,
    tier_ids: Sequence[str],
    cuts: Sequence[float] = (),
    place: str = "migration",
) -> Iterator[Fault]:
    """Yield every fault of a policy.

    Rules: nothing is negative; hysteresis leaves every tier to be reached and to be left;
    conditions ask for what exists and only from a limit on the better side, so that nobody is
    upgraded for becoming worse; every tier named belongs to the scheme, once.

    Parameters
    ----------
    tier_ids
        Of the scheme, best to worst.
    cuts
        Lower bounds of the scores of the tiers, best to worst; empty where no score decides.
    place
        Path of the section in the TOML.
    """
    numbers = {
        "hysteresis_up": policy.hysteresis_up,
        "hysteresis_down": policy.hysteresis_down,
        "min_dwell_days": policy.min_dwell_days,
        "grace_days": policy.grace_days,
    }
    for key, number in numbers.items():
        if number < 0:
            yield Fault(f"{place}.{key}", f"{number:g} must not be negative.")
    for key, steps in (("up", policy.max_steps_up), ("down", policy.max_steps_down)):
        if steps is not None and steps < 1:
            yield Fault(
                f"{place}.max_steps_{key}",
                f"{steps} would stop every move; write 1 or more, or leave it out for no limit.",
            )
    yield from _reach(policy, cuts, place)
    yield from _automatic(policy, tier_ids, f"{place}.automatic")
    yield from _support(policy, tier_ids, f"{place}.support")


def _reach(policy: MigrationPolicy, cuts: Sequence[float], place: str) -> Iterator[Fault]:
    if len(cuts) < 2:
        return
    if cuts[0] + policy.hysteresis_up > MAX_SCORE:
        yield Fault(
            f"{place}.hysteresis_up",
            f"{policy.hysteresis_up:g} points above the cut {cuts[0]:g} cannot be reached; at "
            f"most {MAX_SCORE - cuts[0]:g}.",
        )
    if cuts[-2] - policy.hysteresis_down <= 0:
        yield Fault(
            f"{place}.hysteresis_down",
            f"{policy.hysteresis_down:g} points below the cut {cuts[-2]:g} nobody would ever reach "
            f"the lowest tier; stay below {cuts[-2]:g}.",
        )


def _automatic(policy: MigrationPolicy, tier_ids: Sequence[str], place: str) -> Iterator[Fault]:
    yield from _tiers([upgrade.tier for upgrade in policy.automatic], tier_ids, place)
    for index, upgrade in enumerate(policy.automatic):
        spot = f"{place}[{index}]"
        if upgrade.tier in tier_ids[-1:]:
            yield Fault(f"{spot}.tier", f"nobody is upgraded to the lowest tier {upgrade.tier!r}.")
        if not upgrade.when:
            yield Fault(f"{spot}.when", "is empty; everybody would be upgraded.")
        for text in upgrade.when:
            yield from _condition(f"{spot}.when", text)


def _condition(place: str, text: str) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        yield Fault(place, str(error))
        return
    name = condition.indicator
    if name not in CATALOGUE and name not in PREDICTIONS:
        yield Fault(place, f"{name!r} is not in the catalogue.")
        return
    if condition.sign == "unknown":
        yield Fault(place, f"{text!r} would upgrade for missing data.")
        return
    better = "<" if describe(name).direction < 0 else ">="
    if condition.sign != better:
        yield Fault(place, f"{text!r} would upgrade for becoming worse; write {better!r}.")


def _support(policy: MigrationPolicy, tier_ids: Sequence[str], place: str) -> Iterator[Fault]:
    yield from _tiers([support.tier for support in policy.support], tier_ids, place)
    for index, support in enumerate(policy.support):
        texts = {"text_en": support.text_en, "text_zh": support.text_zh}
        yield from blank(f"{place}[{index}].", texts)


def _tiers(named: Sequence[str], tier_ids: Sequence[str], place: str) -> Iterator[Fault]:
    for index, tier in enumerate(named):
        if tier not in tier_ids:
            yield Fault(
                f"{place}[{index}].tier",
                f"{tier!r} is no tier of this scheme; there are: {', '.join(tier_ids)}.",
            )
        if tier in named[:index]:
            yield Fault(f"{place}[{index}].tier", f"{tier!r} stands twice.")
