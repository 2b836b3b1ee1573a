"""``tierwise gates``: what was checked when a version was decided on, and who answered for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.options import HOME, Artifacts, Home, RegistryUrl, World
from training.commands.verdicts import show_gates

if TYPE_CHECKING:
    from training.registry.judgement import Judgement
    from training.registry.ledger import LedgerEntry

console = Console()


def gates(
    world: World,
    version: Annotated[
        int | None, typer.Option("--version", help="Version; by default the champion.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the report there as it is stored, JSON.")
    ] = None,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Tell the gate report of a version, checked against the ledger of decisions."""
    from training.errors import RegistryError
    from training.registry.location import open_registry
    from training.registry.promotion import first_report, kept_report
    from training.registry.registry import model_name

    store, model = open_registry(home, registry, artifacts), model_name(world)
    if version is None:
        champion = store.champion(model)
        if champion is None:
            raise RegistryError(
                f"{model} has no champion.", hint="Name a version with --version.", model=model
            )
        version = champion.version
    kept = kept_report(store, model, version)
    if kept is None:
        if out is not None:
            raise RegistryError(
                f"No gate report is kept of a decision about {model} version {version}.",
                hint="Without --out the gates are told as judged when it was registered.",
                model=model,
                version=version,
            )
        console.print(
            f"No gate report is kept of a decision about {model} version {version}; these are its "
            "gates as judged when it was registered."
        )
        show_gates(console, first_report(store, model, version))
        return
    _show(*kept)
    if out is not None:
        out.write_text(kept[1].text, "utf-8")


def _show(entry: LedgerEntry, judged: Judgement) -> None:
    done = "promoted" if judged.decision == "promote" else "refused"
    against = "no champion" if judged.against is None else f"version {judged.against}"
    console.print(
        f"{judged.model} version {judged.version} was {done} on {entry.at[:19]} UTC by {judged.by} "
        f"({judged.mode} mode), judged against {against}."
    )
    if judged.reason:
        console.print(f"Reason: {judged.reason}")
    console.print(f"Bundle {judged.bundle_digest}; report {entry.gate_report_sha256}, as decided.")
    for each in judged.approvals:
        console.print(f"Approved on {each['at'][:19]} UTC by {each['by']}: {each['reason']}")
    if judged.lacking:
        console.print(f"Missing: {judged.lacking}.")
    show_gates(console, judged.gates)
