"""Reading KPI catalogues from TOML, and the rules they must keep."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from features.schema import CATALOGUE, PREDICTIONS
from tiering.condition import parse_condition
from tiering.errors import Fault, PolicyError, SchemeError
from tiering.kpis.catalogue import Kpi, KpiCatalogue
from tiering.kpis.measures import BEFORE, DERIVED
from tiering.policy_text import parse_policy

PACKAGED = ("company",)
"""Catalogues of the package."""

_TAKES = {
    "share": {"of"},
    "mean": {"value"},
    "ratio": {"value", "per"},
    "growth": {"value"},
    "net_promoters": {"value"},
    "given": {"tables"},
}
"""What a measure must be given; ``among`` is free, and ``of`` for a mean or a ratio."""


def load_kpis(path_or_name: str | Path = "company") -> KpiCatalogue:
    """Read a catalogue and check it: a packaged name (``company``) or the path of a TOML file.

    Raises
    ------
    SchemeError
        If it does not exist, is no TOML, or breaks a rule; all faults are listed.
    """
    name = str(path_or_name)
    if name in PACKAGED:
        return parse_kpis((files("tiering") / "kpis" / f"{name}.toml").read_text("utf-8"), name)
    path = Path(path_or_name)
    if not path.is_file():
        raise SchemeError(
            f"There is no KPI catalogue {name!r}.",
            hint=f"Give the path of a TOML file, or one of: {', '.join(PACKAGED)}.",
        )
    return parse_kpis(path.read_text("utf-8"), path.name)


def parse_kpis(text: str, origin: str = "kpis") -> KpiCatalogue:
    """Read a catalogue from TOML text and check it; ``origin`` names it in errors.

    Raises
    ------
    SchemeError
        If the text is no TOML or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        KpiCatalogue,
        faults,
        what="KPI catalogue",
        origin=origin,
        pattern="tiering/kpis/company.toml",
    )


def faults(catalogue: KpiCatalogue) -> Iterator[Fault]:
    """Yield every fault of a catalogue.

    Rules: KPIs are told apart and told in both languages; a target is not 0, as deviations
    are relative to it; a measure has what it takes and nothing that it would ignore; columns
    exist.
    """
    if not 0 < catalogue.max_deviation < 1:
        yield Fault("max_deviation", "must lie between 0 and 1.")
    if catalogue.min_customers < 1:
        yield Fault("min_customers", "must be at least 1.")
    if not catalogue.kpis:
        yield Fault("kpis", "is empty.")
    texts = {key: getattr(catalogue, key) for key in ("id", "version", "title_en", "title_zh")}
    yield from (Fault(key, "is missing.") for key, text in texts.items() if not text.strip())
    for key in ("id", "label_en", "label_zh"):
        for text, count in Counter(getattr(kpi, key) for kpi in catalogue.kpis).items():
            if count > 1 and text.strip():
                yield Fault(f"kpis.{key}", f"{text!r} stands {count} times.")
    for kpi in catalogue.kpis:
        yield from _kpi(kpi)
    growing = {kpi.id for kpi in catalogue.kpis if kpi.measure == "growth"}
    for link in catalogue.links:
        if link.kpi not in growing:
            yield Fault(f"links.{link.kpi}", "is no KPI of the measure 'growth'.")
        for name in link.factors:
            if name not in CATALOGUE:
                yield Fault(f"links.{link.kpi}", f"{name!r} is not in the catalogue.")


def _kpi(kpi: Kpi) -> Iterator[Fault]:
    place = f"kpis.{kpi.id}"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", kpi.id):
        yield Fault(f"{place}.id", "must be lower-case words joined by '_'.")
    for key in ("label_en", "label_zh", "formula_en", "formula_zh", "window"):
        if not getattr(kpi, key).strip():
            yield Fault(f"{place}.{key}", "is missing.")
    if kpi.target == 0:
        yield Fault(f"{place}.target", "is 0; deviations are relative to it.")
    if kpi.scale <= 0:
        yield Fault(f"{place}.scale", "must be above 0.")
    if not kpi.requirement:
        yield Fault(f"{place}.requirement", "is missing.")
    if kpi.measure == "given" and kpi.kind == "change":
        yield Fault(f"{place}.kind", "must be 'level': a figure handed in has no baseline here.")
    takes = _TAKES[kpi.measure]
    allowed = takes | ({"of"} if kpi.measure in ("mean", "ratio") else set())
    for key in ("of", "value", "per", "tables"):
        if key in takes and not getattr(kpi, key):
            yield Fault(f"{place}.{key}", f"is missing; the measure {kpi.measure!r} needs it.")
        if key not in allowed and getattr(kpi, key):
            yield Fault(f"{place}.{key}", f"is ignored by the measure {kpi.measure!r}.")
    for text in (*kpi.among, *kpi.of):
        try:
            name = parse_condition(text).indicator
        except PolicyError as error:
            yield Fault(place, str(error))
            continue
        yield from _column(place, name)
    for name in filter(None, (kpi.value, kpi.per)):
        yield from _column(place, name)


def _column(place: str, name: str) -> Iterator[Fault]:
    bare = name.removeprefix(BEFORE)
    known = bare in CATALOGUE or bare in PREDICTIONS or bare == "tier"
    if not known and name not in DERIVED:
        yield Fault(place, f"{name!r} is neither in the catalogue nor among {', '.join(DERIVED)}.")
