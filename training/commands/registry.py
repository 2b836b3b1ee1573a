"""``tierwise approve``, ``promote``, ``rollback`` and ``versions``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from training.commands.options import HOME, Artifacts, By, Home, Reason, RegistryUrl, World
from training.commands.verdicts import show_gates

if TYPE_CHECKING:
    from training.registry.ledger import LedgerEntry
    from training.registry.registry import Registry
    from training.registry.versions import ModelVersion

console = Console()


def approve(
    world: World,
    version: Annotated[int, typer.Option("--version", help="Version to stand for.")],
    by: Annotated[str, typer.Option("--by", help="Who approves: not the one who trained it.")],
    reason: Annotated[
        str, typer.Option("--reason", help="What was looked at, and why it is good.")
    ],
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
) -> None:
    """Stand for a version; in production mode a promotion needs two such."""
    from training.registry.location import open_registry
    from training.registry.registry import model_name
    from training.shelving import shelve

    store, model = open_registry(home, registry, artifacts), model_name(world)
    entry = store.approve(model, version, by=by, reason=reason)
    shelve(store, model, home / world / "models")
    console.print(f"{model} version {version} is approved by {entry.by}: bundle {entry.digest}.")
    if not _show_lacking(store, model, version):
        console.print(
            f"No approval is lacking any more: tierwise promote {world} --version {version}"
        )


def promote(
    world: World,
    version: Annotated[
        int | None, typer.Option("--version", help="Version; by default the challenger.")
    ] = None,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Make a version the champion, if every gate passes, and pull its bundle."""
    from training.errors import ApprovalError, GateFailedError
    from training.registry.governance import account
    from training.registry.location import open_registry
    from training.registry.promotion import promote as run
    from training.registry.registry import model_name
    from training.shelving import shelve

    store, model = open_registry(home, registry, artifacts), model_name(world)
    folder = home / world / "bundle"
    present = store.champion(model)
    if present is not None and present.version == version and not _lies_in(folder, present):
        # Decided before, and not brought: the disk was full, or the command was killed.
        _bring(store, model, folder)
        shelve(store, model, home / world / "models")
        console.print(f"{model} version {version} was the champion already; it serves now.")
        return
    try:
        champion, gates = run(store, model, version, by=by or account(), reason=reason)
    except (GateFailedError, ApprovalError):
        shelve(store, model, home / world / "models")
        raise
    show_gates(console, gates)
    _bring(store, model, folder)
    shelve(store, model, home / world / "models")
    console.print(f"{model} version {champion.version} is the champion.")


def rollback(
    world: World,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Make the previous champion the champion again, and pull its bundle."""
    from training.registry.governance import account
    from training.registry.location import open_registry
    from training.registry.registry import model_name
    from training.shelving import shelve

    store, model = open_registry(home, registry, artifacts), model_name(world)
    champion = store.rollback(model, by=by or account(), reason=reason)
    _bring(store, model, home / world / "bundle")
    shelve(store, model, home / world / "models")
    console.print(f"{model} version {champion.version} is the champion again.")


def _bring(store: Registry, model: str, folder: Path) -> None:
    """Pull the champion; where that fails, the folder shows the bundle before, whole."""
    from features.disks import is_full, room
    from training.errors import RegistryError
    from training.registry.registry import CHAMPION

    try:
        store.pull(model, CHAMPION, folder)
    except (OSError, RegistryError) as error:
        champion = store.champion(model)
        number = "?" if champion is None else champion.version
        if is_full(error):
            why = room(folder.parent)
        else:
            why = error.message if isinstance(error, RegistryError) else str(error)
        raise RegistryError(
            f"Version {number} of {model} is the champion, but its bundle could not be brought; "
            f"the one before goes on serving. {why}",
            hint="Make room, or put the artifacts back; then run `tierwise promote` again with "
            f"--version {number}.",
            model=model,
        ) from error


def _lies_in(folder: Path, version: ModelVersion) -> bool:
    from training.bundle import Bundle
    from training.errors import BundleError

    try:
        found = Bundle.load(folder)
    except BundleError:
        return False
    told = (found.digest, found.meta.version)
    return told == (version.tags.get("bundle_digest"), str(version.version))


def versions(
    world: World,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    at: Annotated[
        str,
        typer.Option(
            "--at", help="Tell only who was champion then: 2026-11-01T12:00, UTC unless it says."
        ),
    ] = "",
) -> None:
    """List the versions of a world's model and all decisions, after checking their history."""
    from training.registry.location import open_registry
    from training.registry.registry import model_name

    moment = _moment(at) if at else None
    store, model = open_registry(home, registry, artifacts), model_name(world)
    if moment is not None:
        _show_champion_at(store, model, moment)
        return
    found = store.versions(model)
    if not found:
        console.print(f"{model} has no version yet. Train one: tierwise train {world}")
        return
    _show_versions(model, found)
    entries = store.ledger.entries(model)
    if entries:
        _show_history(entries)
    console.print(f"Mode: {store.governance.mode}. History verified: {len(entries)} decisions.")
    challenger = next((each.version for each in found if "challenger" in each.aliases), None)
    if challenger is not None:
        _show_lacking(store, model, challenger)


def _show_versions(model: str, found: list[ModelVersion]) -> None:
    from training.evaluation.tables import rich_table

    shown = {
        "AUC": "backtest.churn.auc",
        "Brier": "backtest.churn.brier",
        "MAE": "backtest.ltv.mae",
    }
    rows = [
        [
            str(each.version),
            ", ".join(each.aliases),
            f"{each.created_at:%Y-%m-%d %H:%M}",
            each.tags.get("gates", ""),
            *(
                f"{each.metrics[name]:.4g}" if name in each.metrics else "–"
                for name in shown.values()
            ),
        ]
        for each in found
    ]
    header = ["no.", "alias", "registered", "gates", *shown]
    console.print(rich_table([header, *rows], f"{model}: churn AUC and Brier, LTV MAE"))


def _show_history(entries: list[LedgerEntry]) -> None:
    from training.evaluation.tables import rich_table

    rows = [
        [entry.at[:19], entry.action, str(entry.version), entry.by, _why(entry)]
        for entry in entries
    ]
    console.print(rich_table([["at (UTC)", "action", "no.", "by", "reason"], *rows], "Decisions"))


def _show_champion_at(store: Registry, model: str, moment: datetime) -> None:
    champion = store.champion_at(model, moment)
    when = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if champion is None:
        console.print(f"{model} had no champion at {when}.")
        return
    since = [
        entry
        for entry in store.ledger.entries(model)
        if entry.crowns and datetime.fromisoformat(entry.at) <= moment
    ][-1]
    console.print(
        f"{model} version {champion.version} was champion at {when}: {since.action} of "
        f"{since.at[:19]} by {since.by}; bundle {champion.tags.get('bundle_digest', 'unknown')}."
    )


def _show_lacking(store: Registry, model: str, version: int) -> bool:
    """Tell what a version still needs before it can be promoted; False if it is nothing."""
    lacking = store.lacking(store.store.version(model, version))
    if lacking:
        console.print(f"Version {version} cannot be promoted yet: {lacking}.")
    return bool(lacking)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("Write an instant like 2026-11-01T12:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _why(entry: LedgerEntry) -> str:
    told = [entry.reason] if entry.reason else []
    if entry.failed:
        told.append("refused: " + "; ".join(entry.failed))
    return ". ".join(told)
