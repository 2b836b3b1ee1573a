"""Commands of weights: ask a panel, compare in pairs, blend with the data, sign.

    tierwise weights delphi answers.csv --out panel.json --feedback letters
    tierwise weights ahp judgements.csv --out pairs.json
    tierwise weights blend backtest.json --panel panel.json --out blend.json
    tierwise weights sign weights.toml --weights blend.json --by NAME
    tierwise weights apply weights.toml --version 1.2.0 --out scheme.toml

``docs/weights.md`` tells what the files hold and what the figures mean.
"""

from __future__ import annotations

import typer

from tierwise.weights.blending import blend
from tierwise.weights.panels import ahp, delphi
from tierwise.weights.signing import apply, sign

app = typer.Typer(
    name="weights",
    help="Weights from a panel and from data, blended and signed.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(delphi)
app.command()(ahp)
app.command()(blend)
app.command()(sign)
app.command()(apply)
