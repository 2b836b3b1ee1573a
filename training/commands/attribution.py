"""``tierwise attribution``: tier service told apart from the market, at the system's own cuts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.kpi import plain
from training.commands.options import HOME, Home, World

if TYPE_CHECKING:
    from training.attribution.study import Observed, Study
    from training.bundle import Bundle

console = Console()
_SETTLED = ("tenure_days", "order_days_365d", "net_amount_365d", "average_order_value_365d")
"""Indicators that must not jump at a cut: they were settled before the grade."""


def attribution(
    world: World,
    home: Home = HOME,
    horizon: Annotated[int, typer.Option(min=1, help="Days of spend before and after.")] = 90,
    snapshots: Annotated[
        int, typer.Option(min=1, help="How many gradings are pooled, a horizon apart.")
    ] = 4,
    placebo: Annotated[
        bool,
        typer.Option(help="Nobody was served by these tiers: what is found is a check, no effect."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file to write the study to.")] = None,
) -> None:
    """Estimate what tier service adds at each cut, with the checks that may forbid saying so."""
    from features.manifest import Manifest
    from training.attribution.study import study_cut
    from training.bundle import Bundle
    from training.errors import FitError

    folder = home / world / "published"
    manifest = Manifest.load(folder)
    bundle = Bundle.load((home / world / "bundle").resolve())
    observed = _observe(bundle, folder, horizon, snapshots)
    cuts = bundle.scheme.cuts
    if not cuts:
        raise FitError(
            f"Scheme {bundle.scheme.id!r} does not grade by score: there is no cut to compare at.",
            hint="Study a bundle whose scheme has cuts.",
        )
    found: list[Study] = []
    for (high, cut), low in zip(pairwise([float("inf"), *cuts]), [*cuts[1:], 0.0], strict=True):
        if cut <= 0:
            continue
        try:
            study = study_cut(observed, cut, low=low, high=high, simulated=manifest.simulated)
        except FitError as error:
            console.print(f"Cut {cut:g}: {error}", highlight=False, markup=False)
            continue
        found.append(study)
        _show(study, placebo=placebo)
    if out is not None:
        content = {
            "world": world,
            "horizon_days": horizon,
            "placebo": placebo,
            # What nobody was served with has no share of anything.
            "cuts": [each.to_dict() | ({"statement": None} if placebo else {}) for each in found],
        }
        text = json.dumps(plain(content), ensure_ascii=False, indent=1, allow_nan=False)
        out.write_text(text + "\n", "utf-8")
        console.print(f"Written to {out}", highlight=False, markup=False, soft_wrap=True)


def _observe(bundle: Bundle, folder: Path, horizon: int, snapshots: int) -> Observed:
    """Grade the latest snapshots whose outcome is known, a horizon or more apart.

    Raises
    ------
    DatasetError
        If no outcome of that horizon is published, or the spend before is no indicator.
    """
    import numpy as np

    from features.parquet import read_outcomes
    from training.attribution.study import Observed
    from training.commands.graded import grade_frame, published_days
    from training.errors import DatasetError

    spend = f"net_amount_{horizon}d"
    files = published_days(folder)
    closed = {
        day: folder / "outcomes" / f"{day}-{horizon}d.parquet"
        for day in files
        if (folder / "outcomes" / f"{day}-{horizon}d.parquet").is_file()
    }
    if not closed or spend not in bundle.columns:
        raise DatasetError(
            f"No outcomes over {horizon} days are published, or {spend} is no indicator.",
            hint="Take a horizon of which both exist, for instance 90.",
        )
    days = [max(closed)]
    for day in sorted(closed, reverse=True):
        if len(days) < snapshots and (days[-1] - day).days >= horizon:
            days.append(day)
    parts = []
    for day in sorted(days):
        graded, outcomes = grade_frame(bundle, files[day]), read_outcomes(closed[day])
        frame = graded.frame
        row = {name: place for place, name in enumerate(outcomes.customer_id.tolist())}
        order = [row[name] for name in frame.customer_id.tolist()]
        growth = outcomes.net_value[order] - frame.column(spend)
        parts.append((frame, graded.decisions.composite.score, growth))
    ids = np.concatenate([frame.customer_id for frame, _, _ in parts])
    return Observed(
        customer=np.unique(ids, return_inverse=True)[1],
        grading=np.repeat(np.arange(len(parts)), [len(frame) for frame, _, _ in parts]),
        score=np.concatenate([score for _, score, _ in parts]),
        growth=np.concatenate([growth for _, _, growth in parts]),
        before={
            name: np.concatenate([frame.column(name) for frame, _, _ in parts]) for name in _SETTLED
        },
    )


def _show(study: Study, *, placebo: bool) -> None:
    at = study.jump
    origin = "simulated" if study.simulated else "real"
    lines = [
        f"Cut {study.cut:g} ({origin}{', placebo: nobody was served' if placebo else ''}): "
        f"jump {at.estimate:,.2f} ({at.lower:,.2f} to {at.upper:,.2f}), p {at.p_value:.3f}, "
        f"{at.n_left:,} and {at.n_right:,} customers within {at.bandwidths.main:.2f} points",
        "  bunching: "
        + ("too few scores" if study.density is None else f"p {study.density.p_value:.3f}"),
        "  settled before: " + ", ".join(f"{c.name} p {c.p_value:.3f}" for c in study.balance),
        "  placebo cuts: " + ", ".join(f"{c.name} p {c.p_value:.3f}" for c in study.placebos),
    ]
    if not placebo:
        lines += [f"  {study.statement.text_en}", f"  {study.statement.text_zh}"]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
