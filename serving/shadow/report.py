"""A comparison for people: a page in Markdown and a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serving.domain.grade import Run
from serving.domain.shadow import ShadowRun

_WIDTH, _HEIGHT, _EDGE = 640, 240, 30


def page(run: Run, shadow: ShadowRun, figure: str) -> str:
    """Return a comparison in Markdown; ``figure`` is the name of the picture's file."""
    found = shadow.comparison
    whole = found["slices"][0]
    simulated = " **The customers are simulated.**" if run.basis.simulated else ""
    moves = [
        [f"**{tier}**", *(f"{count:,}" for count in row)]
        for tier, row in zip(found["tiers"], found["moves"], strict=True)
    ]
    heads = ["slice", "customers", "another tier", "mean", "5 % … 95 %", "Spearman", "referred"]
    return "\n".join(
        [
            f"# Shadow {shadow.model_version or shadow.bundle_digest[:12]} beside champion "
            f"{run.basis.model_version or run.basis.bundle_digest[:12]}",
            "",
            f"Run {run.run_id}, {run.basis.world}, as of {run.basis.as_of}, "
            f"{whole['customers']:,} customers.{simulated} Scores of the shadow are stored and "
            "never served. Tiers are those of the day's figures alone, on both sides.",
            "",
            f"{whole['moved']:.1%} would have another tier; scores differ by "
            f"{whole['mean']:+.2f} points on average and rank customers alike at "
            f"{_number(whole['spearman'])} (Spearman).",
            "",
            f"![Score of the shadow less that of the champion]({figure})",
            "",
            "## Champion's tier (rows) and shadow's (columns)",
            "",
            *_table(["", *found["shadow_tiers"]], moves),
            "",
            "## By slice: shadow less champion, score points",
            "",
            *_table(heads, [_row(each) for each in found["slices"]]),
            "",
        ]
    )


def picture(shadow: ShadowRun) -> str:
    """Return a histogram of the differences of scores as SVG."""
    told = shadow.comparison["histogram"]
    edges, counts = told["edges"], told["customers"]
    width, tallest = (_WIDTH - 2 * _EDGE) / len(counts), max(counts)
    bars = []
    for place, count in enumerate(counts):
        height = (_HEIGHT - 2 * _EDGE) * count / tallest
        x, y = _EDGE + place * width, _HEIGHT - _EDGE - height
        title = f"{edges[place]:.2f} to {edges[place + 1]:.2f}: {count:,} customers"
        bars.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 1:.1f}" height="{height:.1f}" '
            f'fill="#3b6ea5"><title>{title}</title></rect>'
        )
    middle, foot = _WIDTH / 2, _HEIGHT - _EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12">'
        "<title>Score of the shadow less that of the champion, customers</title>"
        + "".join(bars)
        + f'<line x1="{middle}" y1="{_EDGE / 2}" x2="{middle}" y2="{foot}" stroke="#888"/>'
        f'<text x="{_EDGE}" y="{foot + 18}">{edges[0]:.1f}</text>'
        f'<text x="{middle}" y="{foot + 18}" text-anchor="middle">0 points</text>'
        f'<text x="{_WIDTH - _EDGE}" y="{foot + 18}" text-anchor="end">{edges[-1]:+.1f}</text>'
        "</svg>\n"
    )


def _row(told: Mapping[str, Any]) -> list[str]:
    return [
        told["name"],
        f"{told['customers']:,}",
        f"{told['moved']:.1%}",
        f"{told['mean']:+.2f}",
        f"{told['quantiles'][0]:+.2f} … {told['quantiles'][-1]:+.2f}",
        _number(told["spearman"]),
        f"{told['referred']:,} → {told['shadow_referred']:,}",
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in heads[1:])]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *rows)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
