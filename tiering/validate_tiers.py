"""The rules of what decides tiers: every customer has one, and a better value never costs one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from features.schema import CATALOGUE, PREDICTIONS, Direction, describe
from tiering.condition import parse_condition
from tiering.errors import Fault, PolicyError
from tiering.matrix import cells_of, table_of
from tiering.policy import Axis, Level, Scheme, Segment, Tier
from tiering.texts import labelled, repeated


def tier_faults(scheme: Scheme) -> Iterator[Fault]:
    """Yield the faults of the tiers and of how they are decided."""
    tiers = scheme.tiers
    if len(tiers) < 2:
        yield Fault("tiers", f"has {len(tiers)} entries; grading needs at least 2 tiers.")
        return
    yield from labelled("tiers", ((t.id, t.label_en, t.label_zh) for t in tiers))
    yield from _ways(scheme)
    if all(tier.cut is not None for tier in tiers):
        yield from _cuts(scheme, [tier.cut or 0.0 for tier in tiers])
    if any(tier.when is not None for tier in tiers):
        yield from _rules(scheme)
    if scheme.axes:
        yield from _cells("tiers", tiers, scheme.axes)
        if not list(_cells("tiers", tiers, scheme.axes)):
            yield from _order_of_cells(tiers, scheme.axes)


def axis_faults(place: str, scheme: Scheme, axes: Sequence[Axis]) -> Iterator[Fault]:
    """Yield the faults of the sides of a matrix."""
    ids = [dimension.id for dimension in scheme.dimensions]
    yield from repeated(place, "dimension", [axis.dimension for axis in axes])
    for i, axis in enumerate(axes):
        spot = f"{place}[{i}]"
        if axis.dimension not in ids:
            yield Fault(
                f"{spot}.dimension",
                f"{axis.dimension!r} is no dimension of this scheme: {', '.join(ids)}.",
            )
        if len(axis.levels) < 2:
            yield Fault(f"{spot}.levels", f"has {len(axis.levels)} entries; an axis needs 2.")
            continue
        yield from labelled(f"{spot}.levels", ((v.id, v.label_en, v.label_zh) for v in axis.levels))
        yield from _falling(f"{spot}.levels", [level.cut for level in axis.levels], "levels")
        yield from _by_tier(f"{spot}.levels", scheme, axis.levels, inside=place != "axes")


def segment_faults(scheme: Scheme) -> Iterator[Fault]:
    """Yield the faults of the classes beside the tiers."""
    if scheme.segments is None:
        return
    axes, classes = scheme.segments.axes, scheme.segments.classes
    if not axes:
        yield Fault("segments.axes", "is empty; segments are told apart by at least one axis.")
        return
    yield from axis_faults("segments.axes", scheme, axes)
    yield from labelled("segments.classes", ((c.id, c.label_en, c.label_zh) for c in classes))
    yield from _cells("segments.classes", classes, axes)


def _ways(scheme: Scheme) -> Iterator[Fault]:
    """Yield where the tiers mix ways of deciding, or have none."""
    last = len(scheme.tiers) - 1
    has = {
        "cut": [t.cut is not None for t in scheme.tiers],
        "when": [t.when is not None for t in scheme.tiers[:last]],
        "cells": [t.cells is not None for t in scheme.tiers],
    }
    for key, given in has.items():
        if any(given) and not all(given):
            yield Fault(f"tiers[{given.index(False)}].{key}", f"is missing; others have a {key}.")
    if scheme.axes == ():
        yield Fault("axes", "is empty; a matrix has at least one, else leave it out.")
    for i, tier in enumerate(scheme.tiers):
        if tier.to is not None and tier.cut is None:
            yield Fault(f"tiers[{i}].to", "is the upper end of a cut, and there is none.")
    if scheme.axes and not any(has["cells"]):
        yield Fault("tiers", "have no cells, but there are axes.")
    if any(has["cells"]) and scheme.axes is None:
        yield Fault("axes", "are missing; the tiers have cells.")
    if not any(any(given) for given in has.values()):
        yield Fault("tiers", "need a cut (score), a when (rule) or cells (matrix) each.")
    if any(has["cells"]) and (any(has["cut"]) or any(has["when"])):
        yield Fault("tiers", "have cells beside cuts or rules; one way decides.")
    both = any(has["cut"]) and any(has["when"])
    if both and scheme.combine is None:
        yield Fault(
            "combine", 'is missing: tiers have cuts and rules; write "lower" or "higher" (X10).'
        )
    if not both and scheme.combine is not None:
        yield Fault("combine", "needs both cuts and rules in the tiers; leave it out.")


def _cuts(scheme: Scheme, cuts: Sequence[float]) -> Iterator[Fault]:
    for i, tier in enumerate(scheme.tiers):
        ceiling = cuts[i - 1] if i else 100.0
        if tier.to is None or tier.to == ceiling:
            continue
        between = f"a score of {(tier.to + ceiling) / 2:g}"
        wrong = f"leaves {between} without a tier" if tier.to < ceiling else f"gives {between} two"
        yield Fault(
            f"tiers[{i}].to",
            f"{tier.to:g} {wrong} (X8). Tiers are half-open; write {ceiling:g} or leave it out.",
        )
    faults = list(_falling("tiers", cuts, "tiers"))
    yield from faults
    if not faults:
        yield from _bands(scheme, cuts)


def _falling(place: str, cuts: Sequence[float], what: str) -> Iterator[Fault]:
    for i, cut in enumerate(cuts):
        if not 0 <= cut <= 100:
            yield Fault(f"{place}[{i}].cut", f"{cut:g} must lie between 0 and 100 points.")
    if cuts[-1] != 0:
        yield Fault(
            f"{place}[{len(cuts) - 1}].cut",
            f"{cuts[-1]:g} leaves scores below it without a tier (X8); the last cut must be 0.",
        )
    for i, (upper, lower) in enumerate(pairwise(cuts), start=1):
        if lower >= upper:
            yield Fault(
                f"{place}[{i}].cut",
                f"{lower:g} is not below the {upper:g} above it; {what} run from best to worst "
                "(X8).",
            )


def _bands(scheme: Scheme, cuts: Sequence[float]) -> Iterator[Fault]:
    band = scheme.referral.band
    ceilings = [100.0, *cuts]
    for i, tier in enumerate(scheme.tiers):
        width = ceilings[i] - cuts[i]
        borders = (i > 0) + (i < len(cuts) - 1)
        if borders * band > width:
            yield Fault(
                "referral.band",
                f"{band:g} points on each side of a cut cover all {width:g} points of tier "
                f"{tier.id!r}; at most {width / borders:g} fit.",
            )


def _by_tier(
    place: str, scheme: Scheme, levels: Sequence[Level], *, inside: bool
) -> Iterator[Fault]:
    ids = [tier.id for tier in scheme.tiers]
    by_level = [level.cut_by_tier or {} for level in levels]
    if not inside:
        for i, given in enumerate(by_level):
            if given:
                yield Fault(f"{place}[{i}].cut_by_tier", "is of segments only: axes decide tiers.")
        return
    for i, given in enumerate(by_level):
        for name in given:
            if name not in ids:
                yield Fault(
                    f"{place}[{i}].cut_by_tier.{name}", f"is no tier here: {', '.join(ids)}."
                )
    for name in {name: None for given in by_level for name in given}:
        cuts = [(level.cut_by_tier or {}).get(name, level.cut) for level in levels]
        yield from (
            Fault(fault.path, f"inside {name!r}: {fault.message}")
            for fault in _falling(place, cuts, "levels")
        )


def _rules(scheme: Scheme) -> Iterator[Fault]:
    *ruled, last = scheme.tiers
    weighed = scheme.indicators
    for i, tier in enumerate(ruled):
        place = f"tiers[{i}].when"
        if tier.when is not None and not all(tier.when):
            yield Fault(place, "has an alternative without any condition.")
        if tier.when == ():
            yield Fault(place, "is empty; only the last tier needs no rule.")
        for text in {text: None for every in tier.when or () for text in every}:
            yield from _condition(place, text, weighed)
    if last.when is not None:
        yield Fault(
            f"tiers[{len(ruled)}].when",
            "must be left out: the last tier takes everybody whom no rule above takes, or some "
            "customers would have no tier (X8).",
        )


def _condition(place: str, text: str, weighed: Sequence[str]) -> Iterator[Fault]:
    try:
        condition = parse_condition(text)
    except PolicyError as error:
        repair = text.replace(" > ", " >= ").replace(" <= ", " < ")
        meant = "" if repair == text else f" Limits are half-open (X8): write {repair!r}."
        yield Fault(place, f"{error}{meant}")
        return
    name = condition.indicator
    if name not in CATALOGUE and name not in PREDICTIONS:
        yield Fault(place, f"{name!r} is not in the catalogue.")
        return
    if name not in weighed:
        yield Fault(
            place,
            f"{text!r} asks for what no dimension weighs; give {name!r} a share, so that the "
            "score and its explanation know it too.",
        )
    if condition.sign == "unknown":
        yield Fault(place, f"{text!r}: a tier must not rest on data being missing.")
        return
    direction = describe(name).direction
    wrong = {">=": Direction.LOWER_IS_BETTER, "<": Direction.HIGHER_IS_BETTER}[condition.sign]
    if direction is wrong:
        yield Fault(
            place,
            f"{text!r} would cost a customer the tier for a better value (X8). Leave the bound "
            "out: tiers are tried from best to worst, so whoever fits a better one is gone.",
        )


def _cells(place: str, entries: Sequence[Tier | Segment], axes: Sequence[Axis]) -> Iterator[Fault]:
    """Yield where the cells are not a partition: each level of each axis, once."""
    owner: dict[tuple[int, ...], str] = {}
    unread = False
    for i, entry in enumerate(entries):
        try:
            claimed = list(cells_of(entry, axes))
        except ValueError as error:
            unread = True
            yield Fault(f"{place}[{i}].cells", str(error))
            continue
        for cell in claimed:
            if cell in owner:
                yield Fault(
                    f"{place}[{i}].cells", f"{_named(cell, axes)!r} already is {owner[cell]!r}."
                )
            owner.setdefault(cell, entry.id)
    for cell in product(*(range(len(axis.levels)) for axis in axes)):
        if cell not in owner and not unread:
            yield Fault(f"{place}", f"no cell takes {_named(cell, axes)!r} (X8).")


def _order_of_cells(tiers: Sequence[Tier], axes: Sequence[Axis]) -> Iterator[Fault]:
    table = table_of(tiers, axes)
    for cell in product(*(range(len(axis.levels)) for axis in axes)):
        for k in range(len(axes)):
            if cell[k] == 0:
                continue
            better = (*cell[:k], cell[k] - 1, *cell[k + 1 :])
            if table[better] > table[cell]:
                yield Fault(
                    f"tiers[{table[better]}].cells",
                    f"{_named(better, axes)!r} is {tiers[table[better]].id!r}, worse than "
                    f"{tiers[table[cell]].id!r} of {_named(cell, axes)!r}: a better level must "
                    "not cost a tier (X8).",
                )


def _named(cell: Sequence[int], axes: Sequence[Axis]) -> str:
    return " ".join(axis.levels[at].id for at, axis in zip(cell, axes, strict=True))
