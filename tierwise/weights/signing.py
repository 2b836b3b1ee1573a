"""``tierwise weights sign``: draw up a record of weights, sign it, show it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.weights.display import RulesFile, SchemeName, rules_of, say, tell_simulated

if TYPE_CHECKING:
    from tiering.weights.record import WeightRecord
    from tiering.weights.rules import Rules


def sign(
    record: Annotated[Path, typer.Argument(help="Record of weights, .toml or .json.")],
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="Draw up: result of `delphi`, `ahp` or `blend`."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who draws up, or who signs.")] = "",
    role: Annotated[str, typer.Option("--role", help="Sign: as what.")] = "",
    scheme: SchemeName = "default",
    previous: Annotated[
        Path | None, typer.Option("--previous", help="Draw up: record of the version before.")
    ] = None,
    proposals: Annotated[
        bool, typer.Option("--proposals", help="Draw up: with the indicators' new weights.")
    ] = False,
    note: Annotated[str, typer.Option("--note", help="Draw up: why.")] = "",
    rules: RulesFile = None,
) -> None:
    """Draw up a record of weights (--weights), sign it (--by, --role), or show it."""
    from tiering.weights import signoff
    from tiering.weights.record import read_record, to_json, to_toml
    from tierwise.weights import files

    if weights is not None:
        if record.exists():
            raise typer.BadParameter(f"{record} is there already: a new version is a new file.")
        if not by:
            raise typer.BadParameter("Say with --by who draws it up.")
        found = _draft(weights, scheme, previous, rules_of(rules), proposals, by, note)
    else:
        text = files.text_of(record)
        found = read_record(text, origin=f"The record {record.name}")
        if bool(by) != bool(role):
            raise typer.BadParameter("Give --by and --role together.")
        if by:
            found = signoff.sign(found, by=by, role=role, at=datetime.now(UTC))
    if by:
        files.write(record, to_json(found) if record.suffix.lower() == ".json" else to_toml(found))
    _show(found)


def apply(
    record: Annotated[Path, typer.Argument(help="Signed record of weights.")],
    out: Annotated[Path, typer.Option("--out", help="Scheme file to write, .toml.")],
    version: Annotated[str, typer.Option("--version", help="Version of the new scheme.")],
    scheme: SchemeName = "default",
) -> None:
    """Write a scheme with the weights of a signed record; the scheme in use is untouched."""
    from tiering.scheme import load_scheme, scheme_text
    from tiering.weights.application import reweigh
    from tiering.weights.record import read_record
    from tierwise.weights import files

    if out.exists():
        raise typer.BadParameter(f"{out} is there already: a new scheme is a new file.")
    found = read_record(files.text_of(record), origin=f"The record {record.name}")
    tell_simulated(found.simulated)
    changed = reweigh(load_scheme(scheme), found, version)
    files.write(out, scheme_text(changed))
    weights = ", ".join(f"{each.id} {each.weight:g}" for each in changed.dimensions)
    say(f"{out}: scheme {changed.id}, version {changed.version}: {weights}.")


def _draft(
    weights: Path,
    scheme: str,
    previous: Path | None,
    rules: Rules,
    proposals: bool,
    by: str,
    note: str,
) -> WeightRecord:
    from tiering.scheme import load_scheme
    from tiering.weights.record import read_record
    from tiering.weights.signoff import draw_up
    from tierwise.weights import files, results

    result = results.result_of(files.json_of(weights), weights.name)
    taken = result.proposals if proposals else ()
    before = previous and read_record(files.text_of(previous), origin=f"The record {previous.name}")
    return draw_up(
        load_scheme(scheme).id,
        result.weights,
        rules.signoff,
        by=by,
        at=datetime.now(UTC),
        previous=before or None,
        indicators={each.dimension: each.weights for each in taken},
        evidence=result.evidence,
        note=note,
        simulated=result.simulated,
    )


def _show(record: WeightRecord) -> None:
    from tiering.weights import signoff

    tell_simulated(record.simulated)
    state = signoff.state(record)
    say(f"Weights for {record.scheme}, version {record.version}: {state}. Digest {record.digest}.")
    say(f"Drawn up by {record.drawn_up_by}, {record.drawn_up_at:%Y-%m-%d %H:%M} UTC.")
    for each in record.signatures:
        say(f"Signed by {each.by} ({each.role}), {each.at:%Y-%m-%d %H:%M} UTC.")
    if state == "draft":
        say(f"Not to be used yet: {signoff.lacking(record)}.")
        return
    say("\nFor the scheme's file:\n")
    inside = signoff.indicator_weights(record)
    for name, weight in signoff.dimension_weights(record).items():
        say(f"[dimensions.{name}]\nweight = {weight}")
        if name in inside:
            say(f"[dimensions.{name}.indicators]")
            for indicator, share in inside[name].items():
                say(f"{indicator} = {share}")
