"""The figures of the model card, by name, in either language."""

from __future__ import annotations

import plotly.graph_objects as go

from features.schema import CATALOGUE
from tiering.policy import Scheme
from training.card import panels, plots
from training.card.evidence import Evidence
from training.card.quality_section import bias_points, misjudged_points
from training.card.stress_section import title_of
from training.card.wording import Language, words
from training.evaluation.indicators import LIMIT
from training.evaluation.report import POOLED


def tier_labels(scheme: Scheme, language: Language) -> list[str]:
    """Return the names of the tiers ``(t,)`` in a language, best first."""
    return [(t.label_zh if language == "zh" else t.label_en) or t.id for t in scheme.tiers]


def card_figures(evidence: Evidence, language: Language) -> dict[str, go.Figure]:
    """Return all figures; the keys are file names and the card's references."""
    say = words(language)
    report = evidence.report
    zh = language == "zh"
    tiers = tier_labels(evidence.scheme, language)
    labels = {name: i.label_zh if zh else i.label_en for name, i in CATALOGUE.items()}
    labels["baseline"] = say["baseline"]
    found = {
        "reliability": plots.reliability(
            report,
            title=say["fig_reliability"],
            x=say["predicted_churn"],
            y=say["observed_churn"],
        ),
        "lift": plots.lift(report, title=say["fig_lift"], x=say["contacted"], y=say["caught"]),
        "auc": plots.by_origin(report, "churn", "auc", title=say["fig_auc"]),
        "deciles": plots.deciles(
            report,
            title=say["fig_deciles"],
            x=say["decile"],
            y=say["mean_value"],
            realised=say["realised"],
        ),
        "mae": plots.by_origin(report, "ltv", "mae", title=say["fig_mae"]),
        "tiers": plots.matrix(
            report.pooled_tiers().confusion,
            tiers,
            title=say["fig_tiers"],
            rows=say["given"],
            columns=say["hindsight"],
        ),
    }
    value_tiers = next((r for r in report.value_tiers if r.origin == POOLED), None)
    if value_tiers is not None:
        found["value_tiers"] = plots.matrix(
            value_tiers.confusion,
            tiers,
            title=say["fig_value_tiers"],
            rows=say["given"],
            columns=say["by_value_axis"],
        )
    parts = bias_points(report, say)
    if parts:
        found["parts"] = panels.forest(
            parts, title=say["fig_parts"], x=say["bias_axis"], marks=(0.0,)
        )
    wrong = misjudged_points(report, say, language)
    if wrong:
        found["indicators"] = panels.forest(
            [row[:4] for row in wrong],
            title=say["fig_indicators"],
            x=say["misjudged_axis"],
            marks=(LIMIT,),
            beside=(say["misjudged"], say["by_chance"], [row[4] for row in wrong]),
        )
    for name, key in (("churn_bees", "churn_probability"), ("ltv_bees", "ltv")):
        swarm = evidence.swarms[key]
        # The baseline is no indicator, and so strong that it would press all others to a line.
        drawn = [n for n, each in enumerate(swarm.names) if each in CATALOGUE]
        found[name] = plots.beeswarm(
            [swarm.names[n] for n in drawn],
            swarm.phi[:, drawn],
            swarm.values[:, drawn],
            labels,
            title=say[f"fig_{name}"],
            x=say["margin"],
        )
        found[name.replace("bees", "dependence")] = panels.dependence(
            swarm,
            labels,
            title=say[f"fig_{name.replace('bees', 'dependence')}"],
            y=say["contribution"],
            coloured=say["coloured"],
        )
    if evidence.stress.ran:
        found["stress"] = panels.stress_heat(
            evidence.stress,
            [title_of(result, language) for result in evidence.stress.ran],
            {name: say[f"heat_{name}"] for name in panels.HEAT},
            title=say["fig_stress"],
        )
    for result in evidence.stress.ran:
        found[f"stress_{result.id}"] = plots.matrix(
            result.migration,
            tiers,
            title=title_of(result, language),
            rows=say["before"],
            columns=say["after"],
        )
    return found
