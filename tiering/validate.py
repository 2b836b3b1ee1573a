"""The rules a scheme must keep; every breach is told at once, with its place and repair.

What decides tiers (cuts, rules, cells) has rules of its own in ``tiering/validate_tiers.py``.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from features.schema import CATALOGUE, PREDICTIONS, Dimension, Direction, describe
from tiering.errors import Fault
from tiering.lifecycles.lifecycle_file import PACKAGED, load_lifecycle
from tiering.migration.faults import migration_faults
from tiering.packs.pack import pack_faults
from tiering.policy import DimensionWeight, IndicatorWeight, Scheme, StageWeights
from tiering.referral import FLAGS
from tiering.texts import WORDS_JOINED_BY_UNDERSCORE, blank, repeated
from tiering.validate_tiers import axis_faults, segment_faults, tier_faults

__all__ = ["Fault", "validate"]

TOLERANCE = 1e-9
_SCHEME_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def validate(scheme: Scheme) -> list[Fault]:
    """Return every fault of a scheme, in the order of its sections; empty when it is sound.

    Rules: weights are shares of 1, inside each dimension and over the dimensions (X1, X2);
    no indicator counts twice (X6); every customer has a tier and a better value never costs
    one (X8); ids are unique inside the scheme (X9); each tier keeps scores that need no panel.
    """
    return [
        *_head(scheme),
        *_referral(scheme),
        *_dimensions(scheme),
        *_stages(scheme),
        *axis_faults("axes", scheme, scheme.axes or ()),
        *tier_faults(scheme),
        *segment_faults(scheme),
        *_over_time(scheme),
    ]


def _over_time(scheme: Scheme) -> Iterator[Fault]:
    ids = [tier.id for tier in scheme.tiers]
    if scheme.migration is not None:
        yield from migration_faults(scheme.migration, ids, scheme.cuts)
    if scheme.packs is not None:
        yield from pack_faults(scheme.packs, ids)


def _head(scheme: Scheme) -> Iterator[Fault]:
    if not _SCHEME_ID.fullmatch(scheme.id):
        yield Fault("id", f"{scheme.id!r} must be lower-case words joined by '-'.")
    yield from blank("", {"version": scheme.version})
    yield from blank("", {"title_en": scheme.title_en, "title_zh": scheme.title_zh})
    if scheme.confidence is not None and not 0 < scheme.confidence <= 1:
        yield Fault("confidence", f"{scheme.confidence:g} must be a share above 0, at most 1.")


def _referral(scheme: Scheme) -> Iterator[Fault]:
    referral = scheme.referral
    if referral.band < 0:
        yield Fault("referral.band", f"{referral.band:g} points must not be negative.")
    if not 0 <= referral.max_missing_weight <= 1:
        yield Fault(
            "referral.max_missing_weight",
            f"{referral.max_missing_weight:g} must be a share between 0 and 1.",
        )
    if referral.max_jump_ratio is not None and not (
        referral.max_jump_ratio == 0 or referral.max_jump_ratio > 1
    ):
        yield Fault(
            "referral.max_jump_ratio",
            f"{referral.max_jump_ratio:g} is no jump; write a ratio above 1, or 0 for none.",
        )
    for flag in referral.refer_flags:
        if flag not in FLAGS:
            yield Fault(
                "referral.refer_flags", f"unknown flag {flag!r}; known: {', '.join(FLAGS)}."
            )
    yield from repeated("referral.refer_flags", "flag", referral.refer_flags)


def _dimensions(scheme: Scheme) -> Iterator[Fault]:
    if not scheme.dimensions:
        yield Fault("dimensions", "is missing; a scheme weighs at least one dimension.")
        return
    yield from _weights(
        "dimensions",
        {f"{d.id}.weight": d.weight for d in scheme.dimensions},
        "the dimension weights",
    )
    # The five of the catalogue mean what the catalogue says; a scheme's own mean what it says.
    homes = {d.id for d in scheme.dimensions} == set(Dimension)
    staged = _given_by_stages(scheme)
    seen: dict[str, str] = {}
    for dimension in scheme.dimensions:
        place = f"dimensions.{dimension.id}"
        if not WORDS_JOINED_BY_UNDERSCORE.fullmatch(dimension.id):
            yield Fault(place, "must be named by lower-case words joined by '_'.")
        yield from blank(
            f"{place}.", {"label_en": dimension.label_en, "label_zh": dimension.label_zh}
        )
        yield from _indicators(f"{place}.indicators", dimension, seen, homes, staged)


def _given_by_stages(scheme: Scheme) -> set[tuple[str, str]]:
    """Return dimension and name of the indicators that some lifecycle stage gives a weight."""
    return {
        (dimension, name)
        for entry in (scheme.stages.weights if scheme.stages else ())
        for dimension, shares in (entry.indicators or {}).items()
        for name, share in shares.items()
        if share > 0
    }


def _indicators(
    place: str,
    dimension: DimensionWeight,
    seen: dict[str, str],
    homes: bool,
    staged: set[tuple[str, str]],
) -> Iterator[Fault]:
    if not dimension.indicators:
        yield Fault(place, "is empty; a dimension needs at least one indicator.")
        return
    total = math.fsum(i.weight for i in dimension.indicators)
    if abs(dimension.weight - 1) > TOLERANCE and abs(total - dimension.weight) <= TOLERANCE:
        yield Fault(
            place,
            f"sum to the dimension's own weight {dimension.weight:g}: they are already multiplied "
            f"by it, and it would count twice (X2). Write shares of the dimension: "
            f"{_shares((i.name, i.weight) for i in dimension.indicators)}.",
        )
    else:
        yield from _weights(
            place,
            {
                i.name: i.weight
                for i in dimension.indicators
                if i.weight != 0 or (dimension.id, i.name) not in staged
            },
            f"the indicator weights of {dimension.id}",
        )
    for indicator in dimension.indicators:
        spot = f"{place}.{indicator.name}"
        if indicator.name in seen:
            yield Fault(
                spot,
                f"counts twice; it already stands in {seen[indicator.name]} (X6). "
                "Leave it out here.",
            )
        seen.setdefault(indicator.name, place)
        if indicator.name not in CATALOGUE and indicator.name not in PREDICTIONS:
            yield Fault(spot, f"is not in the catalogue.{_similar(indicator.name)}")
            continue
        home = describe(indicator.name).dimension.value
        if homes and home != dimension.id:
            yield Fault(spot, f"belongs to the dimension {home!r}; move it there.")
        yield from _scale(spot, indicator)


def _scale(place: str, indicator: IndicatorWeight) -> Iterator[Fault]:
    given = [key for key in ("range", "steps", "scale") if getattr(indicator, key) is not None]
    if len(given) > 1:
        yield Fault(place, f"has {' and '.join(given)}; points come from one of them.")
    if indicator.range is not None and not indicator.range[0] < indicator.range[1]:
        low, high = indicator.range
        yield Fault(f"{place}.range", f"{low:g} to {high:g} is empty; write the lower end first.")
    entry = describe(indicator.name)
    if indicator.scale == "value_share" and entry.unit != "money":
        yield Fault(f"{place}.scale", f"a share of the total needs money, this is {entry.unit}.")
    if indicator.steps is not None:
        yield from _steps(f"{place}.steps", indicator.steps, entry.direction)


def _steps(
    place: str, steps: tuple[tuple[float, float], ...], direction: Direction
) -> Iterator[Fault]:
    if len(steps) < 2:
        yield Fault(place, "needs at least two pairs of value and points.")
    if any(not 0 <= points <= 100 for _, points in steps):
        yield Fault(place, "points must lie between 0 and 100.")
    if any(right[0] <= left[0] for left, right in pairwise(steps)):
        yield Fault(place, "values must increase from pair to pair.")
    # A neutral indicator counts like one where higher is better (tiering/normalize.py).
    better = -1.0 if direction is Direction.LOWER_IS_BETTER else 1.0
    if any((right[1] - left[1]) * better < 0 for left, right in pairwise(steps)):
        way = "fall" if better < 0 else "rise"
        yield Fault(place, f"a better value must not earn fewer points; here they must {way} (X8).")


def _stages(scheme: Scheme) -> Iterator[Fault]:
    if scheme.stages is None:
        return
    if scheme.stages.lifecycle not in PACKAGED:
        known = ", ".join(PACKAGED)
        yield Fault("stages.lifecycle", f"{scheme.stages.lifecycle!r} is none of {known}.")
        return
    stages = [stage.id for stage in load_lifecycle(scheme.stages.lifecycle).stages]
    for entry in scheme.stages.weights:
        place = f"stages.{entry.stage}"
        if entry.stage not in stages:
            yield Fault(place, f"is no stage of {scheme.stages.lifecycle!r}: {', '.join(stages)}.")
        yield from _stage_weights(place, scheme, entry)


def _stage_weights(place: str, scheme: Scheme, entry: StageWeights) -> Iterator[Fault]:
    ids = {d.id: [i.name for i in d.indicators] for d in scheme.dimensions}
    if entry.dimensions is not None:
        yield from _shares_of(f"{place}.dimensions", entry.dimensions, list(ids), "dimension")
    for dimension, shares in (entry.indicators or {}).items():
        spot = f"{place}.indicators.{dimension}"
        if dimension not in ids:
            yield Fault(spot, f"is no dimension of this scheme: {', '.join(ids)}.")
            continue
        yield from _shares_of(spot, shares, ids[dimension], "indicator")


def _shares_of(
    place: str, shares: Mapping[str, float], names: list[str], what: str
) -> Iterator[Fault]:
    if set(shares) != set(names):
        yield Fault(place, f"must name every {what} and nothing else: {', '.join(names)}.")
        return
    # A stage may set an indicator aside, which the scheme as a whole may not.
    yield from _weights(
        place, {name: share for name, share in shares.items() if share != 0}, f"the {what} weights"
    )


def _weights(place: str, weights: Mapping[str, float], what: str) -> Iterator[Fault]:
    total = math.fsum(weights.values())
    # One weight above 1 is a slip; where all are, or they sum to 100, the table is in percent.
    in_percent = abs(total - 100) <= 100 * TOLERANCE or (
        len(weights) > 1 and all(weight > 1 for weight in weights.values())
    )
    wrong = False
    for name, weight in weights.items():
        if weight <= 0:
            wrong = True
            yield Fault(
                f"{place}.{name}", f"{weight:g} must be above 0; leave out what weighs nothing."
            )
        elif weight > 1 + TOLERANCE and not in_percent:
            wrong = True
            yield Fault(f"{place}.{name}", f"{weight:g} is more than the whole; 40 percent is 0.4.")
    if wrong or not weights or abs(total - 1) <= TOLERANCE:
        return
    percent = " They are written in percent." if in_percent else ""
    yield Fault(
        place,
        f"{what} sum to {total:.10g}, not 1 (X1).{percent} "
        f"In the same proportions: {_shares(weights.items())}.",
    )


def _shares(weights: Iterable[tuple[str, float]]) -> str:
    listed = list(weights)
    total = math.fsum(weight for _, weight in listed)
    return ", ".join(f"{name} = {weight / total:.12g}" for name, weight in listed)


def _similar(name: str) -> str:
    close = difflib.get_close_matches(name, [*CATALOGUE, *PREDICTIONS], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
