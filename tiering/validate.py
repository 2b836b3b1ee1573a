"""The rules a scheme must keep; every breach is told at once, with its place and repair."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from features.schema import CATALOGUE, PREDICTIONS, Dimension, describe
from tiering.errors import Fault
from tiering.policy import DimensionWeight, Scheme
from tiering.referral import FLAGS

__all__ = ["Fault", "validate"]

TOLERANCE = 1e-9
_SCHEME_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TIER_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def validate(scheme: Scheme) -> list[Fault]:
    """Return every fault of a scheme, in the order of its sections; empty when it is sound.

    Rules: weights are shares of 1, inside each dimension and over the dimensions (X1, X2);
    no indicator counts twice (X6); the tiers cover 0 to 100 without gap (X8); ids are unique
    inside the scheme (X9); each tier keeps scores that need no panel.
    """
    return [
        *_head(scheme),
        *_referral(scheme),
        *_dimensions(scheme),
        *_tiers(scheme),
    ]


def _head(scheme: Scheme) -> Iterator[Fault]:
    if not _SCHEME_ID.fullmatch(scheme.id):
        yield Fault("id", f"{scheme.id!r} must be lower-case words joined by '-'.")
    yield from _blank("", {"version": scheme.version})
    yield from _blank("", {"title_en": scheme.title_en, "title_zh": scheme.title_zh})


def _blank(place: str, texts: Mapping[str, str]) -> Iterator[Fault]:
    for key, text in texts.items():
        if not text.strip():
            yield Fault(f"{place}{key}", "is missing; a scheme speaks English and Chinese.")


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
    yield from _repeated("referral.refer_flags", "flag", referral.refer_flags)


def _dimensions(scheme: Scheme) -> Iterator[Fault]:
    present = [dimension.id for dimension in scheme.dimensions]
    for wanted in Dimension:
        if wanted not in present:
            yield Fault(
                f"dimensions.{wanted.value}", "is missing; a scheme weighs all five dimensions."
            )
    yield from _repeated("dimensions", "dimension", [d.value for d in present])
    yield from _weights(
        "dimensions",
        {f"{d.id.value}.weight": d.weight for d in scheme.dimensions},
        "the dimension weights",
    )
    seen: dict[str, str] = {}
    for dimension in scheme.dimensions:
        place = f"dimensions.{dimension.id.value}"
        yield from _blank(
            f"{place}.", {"label_en": dimension.label_en, "label_zh": dimension.label_zh}
        )
        yield from _indicators(f"{place}.indicators", dimension, seen)


def _indicators(place: str, dimension: DimensionWeight, seen: dict[str, str]) -> Iterator[Fault]:
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
            {i.name: i.weight for i in dimension.indicators},
            f"the indicator weights of {dimension.id.value}",
        )
    for indicator in dimension.indicators:
        spot = f"{place}.{indicator.name}"
        if indicator.name in seen:
            yield Fault(spot, f"counts twice; it already stands in {seen[indicator.name]} (X6).")
        seen.setdefault(indicator.name, place)
        if indicator.name not in CATALOGUE and indicator.name not in PREDICTIONS:
            yield Fault(spot, f"is not in the catalogue.{_similar(indicator.name)}")
        elif describe(indicator.name).dimension is not dimension.id:
            home = describe(indicator.name).dimension.value
            yield Fault(spot, f"belongs to the dimension {home!r}; move it there.")


def _weights(place: str, weights: Mapping[str, float], what: str) -> Iterator[Fault]:
    total = math.fsum(weights.values())
    in_percent = abs(total - 100) <= 100 * TOLERANCE
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


def _repeated(place: str, what: str, entries: Iterable[str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for entry in entries:
        if entry in seen:
            yield Fault(place, f"{what} {entry!r} stands twice.")
        seen.add(entry)


def _tiers(scheme: Scheme) -> Iterator[Fault]:
    tiers = scheme.tiers
    if len(tiers) < 2:
        yield Fault("tiers", f"has {len(tiers)} entries; grading needs at least 2 tiers.")
        return
    for i, tier in enumerate(tiers):
        if not _TIER_ID.fullmatch(tier.id):
            yield Fault(f"tiers[{i}].id", f"{tier.id!r} must be lower-case words joined by '_'.")
        if not 0 <= tier.cut <= 100:
            yield Fault(f"tiers[{i}].cut", f"{tier.cut:g} must lie between 0 and 100 points.")
        yield from _blank(f"tiers[{i}].", {"label_en": tier.label_en, "label_zh": tier.label_zh})
    yield from _repeated("tiers", "id", [t.id for t in tiers])
    yield from _repeated("tiers", "label_en", [t.label_en for t in tiers if t.label_en.strip()])
    yield from _repeated("tiers", "label_zh", [t.label_zh for t in tiers if t.label_zh.strip()])
    if tiers[-1].cut != 0:
        yield Fault(
            f"tiers[{len(tiers) - 1}].cut",
            f"{tiers[-1].cut:g} leaves scores below it without a tier (X8); "
            "the last cut must be 0.",
        )
    falling = True
    for i, (upper, lower) in enumerate(pairwise(tiers), start=1):
        if lower.cut >= upper.cut:
            falling = False
            yield Fault(
                f"tiers[{i}].cut",
                f"{lower.cut:g} is not below {upper.cut:g} of {upper.id!r}; "
                "tiers run from best to worst (X8).",
            )
    if falling:
        yield from _bands(scheme)


def _bands(scheme: Scheme) -> Iterator[Fault]:
    band = scheme.referral.band
    ceilings = [100.0, *(tier.cut for tier in scheme.tiers)]
    for i, tier in enumerate(scheme.tiers):
        width = ceilings[i] - tier.cut
        borders = (i > 0) + (i < len(scheme.tiers) - 1)
        if borders * band > width:
            yield Fault(
                "referral.band",
                f"{band:g} points on each side of a cut cover all {width:g} points of tier "
                f"{tier.id!r}; at most {max(width, 0) / borders:g} fit.",
            )
