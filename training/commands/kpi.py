"""``tierwise kpi``: targets against what published snapshots show."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from training.commands.options import HOME, Home, World

if TYPE_CHECKING:
    from tiering.kpis.board import KpiRow
    from tiering.kpis.catalogue import KpiCatalogue
    from tiering.kpis.measures import Measured, Occasion
    from tiering.population.association import Association
    from tiering.population.concentration import Concentration
    from tiering.population.drift import Drift
    from tiering.population.movement import Migration

console = Console()

LanguageOption = Annotated[
    Literal["en", "zh"], typer.Option("--lang", "--language", help="Language of the board.")
]
HEADER = {
    "en": ["KPI", "target", "before", "now", "95 % interval", "n", "status"],
    "zh": ["指标", "目标", "上期", "本期", "95% 区间", "n", "状态"],
}
CHANCE = {"en": " (may be chance)", "zh": "（可能是偶然）"}
_TOP = 5
_FALSE_ALARMS = 0.05


def kpi(
    world: World,
    home: Home = HOME,
    day: Annotated[
        list[datetime] | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Published day, repeatable: the last is judged against the one before, whose "
            "own figures need a third. By default the last day and one and two years before it.",
        ),
    ] = None,
    catalogue: Annotated[
        str, typer.Option("--catalogue", help="KPI catalogue: a name or a TOML file.")
    ] = "company",
    out: Annotated[Path | None, typer.Option(help="JSON file to write the board to.")] = None,
    language: LanguageOption = "en",
) -> None:
    """Show the KPI board, moves between tiers, concentration and what moved most."""
    from tiering.kpis.board import board, trace
    from tiering.kpis.catalogue_file import load_kpis
    from training.commands.graded import chosen_days, published_days

    kpis = load_kpis(catalogue)
    files = published_days(home / world / "published")
    days = chosen_days(tuple(files), [each.date() for each in day or ()])
    occasions, tiers = _occasions(home / world / "bundle", [files[each] for each in days])
    rows = board(kpis, occasions)
    traced = trace(kpis, occasions, rows)
    moves = _moves(occasions, len(tiers)) if len(occasions) > 1 and tiers else None
    drifts = _drifts(occasions) if len(occasions) > 1 else ()
    money = _concentrations(occasions[-1])
    _show(kpis, rows, days, language)
    _show_traced(traced)
    _show_more(moves, money, drifts, tiers)
    content = _content(kpis, rows, days, tiers, moves, money, drifts)
    content["traced"] = {name: list(map(asdict, found)) for name, found in traced.items()}
    text = json.dumps(plain(content), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    _publish(home / world / "kpi.json", text)
    if out is not None:
        out.write_text(text, "utf-8")
        console.print(f"Written to {out}", highlight=False, markup=False, soft_wrap=True)


def _publish(path: Path, text: str) -> None:
    """Write the board where the service reads it, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def _occasions(bundle: Path, files: list[Path]) -> tuple[list[Occasion], tuple[str, ...]]:
    """Read the snapshots; graded if there is a bundle."""
    from features.parquet import read_frame
    from tiering.kpis.measures import Occasion
    from training.bundle import Bundle
    from training.commands.graded import grade_frame

    if not bundle.exists():
        frames = [read_frame(path) for path in files]
        return [
            Occasion(f.as_of, f.customer_id, {name: f.column(name) for name in f.columns})
            for f in frames
        ], ()
    grader = Bundle.load(bundle.resolve())
    found = []
    for path in files:
        graded = grade_frame(grader, path)
        values = {name: graded.frame.column(name) for name in graded.frame.columns}
        values |= {
            "ltv": graded.scores.ltv,
            "churn_probability": graded.scores.churn_probability,
        }
        frame = graded.frame
        found.append(Occasion(frame.as_of, frame.customer_id, values, graded.decisions.tier))
    return found, tuple(tier.id for tier in grader.scheme.tiers)


def _moves(occasions: list[Occasion], tiers: int) -> Migration:
    import numpy as np

    from tiering.kpis.measures import columns
    from tiering.population.movement import migrate

    before, now = occasions[-2:]
    table = columns(now, before)
    both = ~np.isnan(table["before_tier"])
    earlier, later = (table[name][both].astype(np.int64) for name in ("before_tier", "tier"))
    return migrate(earlier, later, tiers, (now.as_of - before.as_of).days)


def _drifts(occasions: list[Occasion]) -> tuple[Drift, ...]:
    from tiering.population.drift import compare_populations

    before, now = occasions[-2:]
    shared = [name for name in before.values if name in now.values]
    return compare_populations(
        {name: before.values[name] for name in shared}, {name: now.values[name] for name in shared}
    )


def _concentrations(now: Occasion) -> dict[str, Concentration]:
    import numpy as np

    from tiering.population.concentration import concentration

    return {
        name: concentration(now.values[name])
        for name in ("net_amount_365d", "contribution_365d")
        if name in now.values and not np.isnan(now.values[name]).all()
    }


def _show(
    kpis: KpiCatalogue, rows: tuple[KpiRow, ...], days: list[date], language: Literal["en", "zh"]
) -> None:
    from tiering.kpis.board import STATUS_WORDS
    from training.evaluation.tables import rich_table

    english = language == "en"
    table = [HEADER[language]]
    for row in rows:
        spread = f"{_told(row, row.actual.lower)} to {_told(row, row.actual.upper)}"
        word = STATUS_WORDS[row.status][0 if english else 1]
        if row.missing:
            word += f": {', '.join(row.missing)}"
        table.append(
            [
                row.kpi.label_en if english else row.kpi.label_zh,
                _target(row),
                _told(row, row.baseline.value) if row.baseline else "–",
                _told(row, row.actual.value),
                "–" if math.isnan(row.actual.lower) else spread,
                f"{row.actual.n:,}" if row.actual.n else "–",
                word + ("" if row.certain in (True, None) else CHANCE[language]),
            ]
        )
    console.print(rich_table(table, _title(kpis, days, english=english)))


def _title(kpis: KpiCatalogue, days: list[date], *, english: bool) -> str:
    if english:
        pair = f"against {days[-2]}" if len(days) > 1 else "a single snapshot"
        return f"{kpis.title_en} on {days[-1]}, {pair}"
    pair = f"与 {days[-2]} 相比" if len(days) > 1 else "单一快照"
    return f"{kpis.title_zh or kpis.title_en}，{days[-1]}，{pair}"


def _show_traced(traced: dict[str, tuple[Association, ...]]) -> None:
    for name, found in traced.items():
        strong = [each for each in found if each.q_value < _FALSE_ALARMS][:_TOP]
        told = ", ".join(f"{each.factor} {each.rank_correlation:+.2f}" for each in strong)
        console.print(f"{name} goes along with: {told or 'none of its factors'}.", highlight=False)


def _show_more(
    moves: Migration | None,
    money: dict[str, Concentration],
    drifts: tuple[Drift, ...],
    tiers: tuple[str, ...],
) -> None:
    from training.evaluation.tables import rich_table

    if moves is not None:
        body = [
            [
                tier,
                *(f"{share:.0%}" for share in shares),
                "∞" if math.isinf(life) else f"{life:.0f}",
            ]
            for tier, shares, life in zip(tiers, moves.shares, moves.half_life_days, strict=True)
        ]
        console.print(
            rich_table([["tier before", *tiers, "half-life, days"], *body], "Moves between tiers")
        )
    for name, found in money.items():
        low, high = found.top_share_interval
        console.print(
            f"{name}: the top {found.top:.0%} of {found.n:,} customers hold {found.top_share:.1%} "
            f"({low:.1%} to {high:.1%}), Gini {found.gini:.3f}; losses {found.losses:,.0f}.",
            highlight=False,
        )
    moved = [d for d in drifts if d.verdict in ("moved", "watch")]
    if drifts:
        told = ", ".join(f"{d.indicator} {d.psi:.2f}" for d in moved[:_TOP]) or "none"
        console.print(f"Indicators that moved: {len(moved)} of {len(drifts)}: {told}.")


def _target(row: KpiRow) -> str:
    sign = "≥" if row.kpi.good == "up" else "≤"
    if row.kpi.kind == "change":
        return f"{row.kpi.target:+.0%} change"
    return f"{sign} {_told(row, row.kpi.target)}"


def _told(row: KpiRow, value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.1%}" if row.kpi.unit in ("share", "growth") else f"{value:,.2f}"


def _content(
    kpis: KpiCatalogue,
    rows: tuple[KpiRow, ...],
    days: list[date],
    tiers: tuple[str, ...],
    moves: Migration | None,
    money: dict[str, Concentration],
    drifts: tuple[Drift, ...],
) -> dict[str, Any]:
    return {
        "catalogue": {"id": kpis.id, "version": kpis.version},
        "days": [each.isoformat() for each in days],
        "kpis": [
            {
                **row.kpi.model_dump(mode="json"),
                "actual": _measured(row.actual),
                "baseline": row.baseline and _measured(row.baseline),
                "reached": row.reached,
                "deviation": row.deviation,
                "status": row.status,
                "certain": row.certain,
                "missing": list(row.missing),
            }
            for row in rows
        ],
        "tiers": list(tiers),
        "migration": moves
        and {
            "matrix": moves.matrix.tolist(),
            "days": moves.days,
            "stayed": asdict(moves.stayed),
            "upgraded": asdict(moves.upgraded),
            "downgraded": asdict(moves.downgraded),
            "half_life_days": moves.half_life_days.tolist(),
        },
        "concentration": {name: asdict(found) for name, found in money.items()},
        "drift": [asdict(drift) for drift in drifts],
    }


def _measured(found: Measured) -> dict[str, Any]:
    content = asdict(found)
    del content["missing"]  # columns; the row tells tables
    return content


def plain(value: Any) -> Any:
    """Return the same with None for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
