"""The folder of a version's evidence, as it is stored with the version."""

from __future__ import annotations

import json
from pathlib import Path

from training.card.evidence import Evidence
from training.card.figures import card_figures
from training.card.rendering import render_html, render_markdown
from training.card.wording import LANGUAGES


def write(evidence: Evidence, folder: Path) -> None:
    """Write reports, model cards and plots below a folder.

    ``backtest.json``, ``stress.json``, ``gates.json``, ``model_card[.zh].{md,html}``,
    ``plots/<name>.html`` (which share one ``plots/plotly.min.js``).
    """
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    for name, document in (
        ("backtest", evidence.report.to_dict()),
        ("stress", evidence.stress.to_dict()),
        ("gates", evidence.gates.to_dict()),
    ):
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{name}.json").write_text(text + "\n", "utf-8")
    for language in LANGUAGES:
        suffix = "" if language == "en" else f".{language}"
        (folder / f"model_card{suffix}.md").write_text(render_markdown(evidence, language), "utf-8")
        (folder / f"model_card{suffix}.html").write_text(render_html(evidence, language), "utf-8")
    for name, figure in card_figures(evidence, "en").items():
        figure.write_html(plots / f"{name}.html", include_plotlyjs="directory", div_id=name)
