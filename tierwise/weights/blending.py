"""``tierwise weights blend``: the panel's weights with those of a backtest report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tierwise.weights.display import (
    LanguageOption,
    Out,
    RulesFile,
    SchemeName,
    rules_of,
    say,
    show,
    tell_simulated,
)

if TYPE_CHECKING:
    from tiering.weights.propose import Proposal
    from tiering.weights.rules import Language, Rules

LEAST_TOLD = 0.01
"""Share of a dimension below which a flow of weight is left to the JSON."""


def blend(
    report: Annotated[Path, typer.Argument(help="JSON report of `tierwise backtest`.")],
    panel: Annotated[
        Path | None,
        typer.Option("--panel", help="Result of `delphi` or `ahp`; by default the scheme's."),
    ] = None,
    scheme: SchemeName = "default",
    rules: RulesFile = None,
    out: Out = None,
    language: LanguageOption = "en",
) -> None:
    """Blend the panel's weights with the regression's; propose for indicators that misjudge."""
    from tiering.scheme import load_scheme
    from tiering.weights import blend as blending
    from tiering.weights.propose import propose
    from tierwise.weights import files, results

    known = rules_of(rules)
    text = files.text_of(report)
    found: dict[str, Any] = files.json_of(report)
    fitted = results.fitted_weights(found)
    asked = results.result_of(files.json_of(panel), panel.name) if panel else None
    if asked is None:
        expert = {str(each.id): each.weight for each in load_scheme(scheme).dimensions}
    else:
        expert = asked.weights
    variance = asked.variance if asked else None
    assumed = variance is None
    if variance is None:
        variance = blending.assumed_variance(len(expert), known.blend)
    result = blending.blend(expert, variance, fitted, known.blend)
    proposals = propose(found.get("indicators", ()), known)
    document = results.blend_document(result, proposals, asked, found, text, assumed=assumed)
    tell_simulated(document["simulated"])
    rows = [["dimension", "experts", "data", "blend", "interval", ""]]
    rows += [
        [
            share.dimension,
            f"{share.expert:.3f}",
            f"{share.data:.3f}",
            f"{share.weight:.3f}",
            f"{share.low:.3f} to {share.high:.3f}",
            "raised to the floor" if share.raised else "",
        ]
        for share in result.shares
    ]
    show(rows, f"Weights; the data's share is {result.data_share:.0%}")
    if assumed:
        say(
            "Nobody was asked: the experts' weights are taken to be off by "
            f"{known.blend.assumed_spread:g} each (standard error, assumed)."
        )
    for proposal in proposals:
        _tell(proposal, known, language)
    if proposals:
        say("Proposals change nothing before they are signed: tierwise weights sign --proposals.")
    if out is not None:
        files.write_json(out, json.loads(json.dumps(document)))


def _tell(proposal: Proposal, rules: Rules, language: Language) -> None:
    rows = [["indicator", "misjudges", "by chance", "weight", "new"]]
    rows += [
        [
            change.indicator,
            f"{change.misjudged:.1%}" + ("**" if change.sure else "*" if change.over else ""),
            f"{change.by_chance:.1%}",
            f"{change.before:.3f}",
            f"{change.after:.3f}",
        ]
        for change in proposal.changes
    ]
    limit = f"* over {rules.indicators.limit:.0%}, ** surely"
    show(rows, f"Proposal for {proposal.dimension} ({limit})")
    texts = rules.texts(language)
    if not proposal.flows:
        say(texts.say("no_better", dimension=proposal.dimension))
    for flow in proposal.flows:
        if flow.weight >= LEAST_TOLD:
            share = f"{flow.weight:.3f}"
            say(texts.say("flow", share=share, source=flow.source, target=flow.target))
