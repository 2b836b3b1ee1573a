"""The one road through the house: sources → indicators → models → champion → grades.

Each step is the package's own function, the same that its command calls; here they only
follow one another. A step that was done from the same data, code and policy is not done again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.backends import connect
from features.door.ingest import ingest
from features.errors import MappingError
from features.mapping.apply import apply_mapping, read_mapping
from features.parquet import read_frame
from features.publish import indicators_name
from features.quality.assess import quality
from features.quality.files import write_report
from features.snapshot import Snapshot
from features.sources import Sources, open_sources
from features.worlds.registry import load
from serving.archive import BundleArchive
from serving.batch import BatchResult, run_batch
from serving.published import open_published
from serving.store.session import Database
from tiering.panel.policy_file import load_panel
from tiering.policy import Scheme
from tierwise.workspace import Workspace
from training.bundle import Bundle
from training.errors import ApprovalError, GateFailedError, TrainingError
from training.evaluation.report import BacktestReport
from training.evaluation.stress import StressReport
from training.pipeline import prepare, train
from training.recipe import Recipe
from training.registry.location import open_registry
from training.registry.promotion import backtest_report, promote
from training.registry.registry import CHAMPION, model_name
from training.registry.versions import ModelVersion
from training.shelving import shelve

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class OwnData:
    """A user's own files and the mapping that tells what they are."""

    folder: Path
    mapping: Path


@dataclass(frozen=True, slots=True)
class Origin:
    """What was taken in, in words: title, terms, rows, refusals."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """What the road led to.

    Attributes
    ----------
    backtest, stress
        Evidence of the champion.
    trained
        Version registered by this run; None when the champion, or in production mode the
        challenger that waits for approvals, stood for the same data, recipe, scheme and code.
    refused
        Why the new version was not promoted (gates, or approvals in production mode) when the
        former champion goes on serving.
    seconds
        Wall-clock time of each step.
    """

    sources: Sources
    backtest: BacktestReport
    stress: StressReport
    champion: ModelVersion
    versions: list[ModelVersion]
    trained: ModelVersion | None
    refused: TrainingError | None
    batch: BatchResult
    seconds: dict[str, float]


def take_in(workspace: Workspace, own: OwnData | None, progress: Progress) -> Origin:
    """Ingest a world or a user's own files into the workspace; return what it was."""
    connection = connect()
    if own is None:
        loaded = load(workspace.world, connection)
        tables, title, terms = loaded.tables, loaded.title_en, loaded.terms
        currency, simulated = loaded.currency, loaded.simulated
    else:
        mapping = read_mapping(own.mapping)
        tables, title, terms = apply_mapping(mapping, own.folder, connection), "", mapping.terms
        currency, simulated = mapping.currency, mapping.simulated
    report = ingest(
        tables,
        workspace.sources,
        connection=connection,
        world=workspace.world,
        currency=currency,
        simulated=simulated,
        terms=terms,
        progress=progress,
    )
    return Origin("\n".join(filter(None, (title, report.to_text()))))


def world_of(own: OwnData) -> str:
    """Return the world a mapping names; it becomes a folder and a model's name.

    Raises
    ------
    MappingError
        If the name cannot be a folder.
    """
    name = read_mapping(own.mapping).world
    if not name or Path(name).name != name or name.startswith("."):
        raise MappingError(
            f"The mapping names its world {name!r}, which cannot be a folder.",
            hint='Write a plain name, for example world = "acme".',
            file=str(own.mapping),
        )
    return name


def travel(
    workspace: Workspace,
    recipe: Recipe,
    scheme: Scheme,
    *,
    progress: Progress,
    again: bool = False,
) -> Journey:
    """Go the road from ingested sources to served grades.

    Parameters
    ----------
    again
        Train even if the champion, or a challenger that waits for approvals, stands for the same
        data, recipe, scheme and code.

    Raises
    ------
    GateFailedError
        If the new version fails its gates and there is no champion to go on with.
    """
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[name] = round(now - clock, 1)
        clock = now

    sources = open_sources(workspace.sources)
    registry = open_registry(workspace.home, workspace.registry, workspace.artifacts)
    model = model_name(workspace.world)
    champion = registry.champion(model)
    trained: ModelVersion | None = None
    refused: TrainingError | None = None

    def stands(version: ModelVersion) -> bool:
        return _stands_for(version, sources, workspace, recipe, scheme)

    if again or champion is None or not stands(champion):
        # What waits for approvals is not trained anew: these are for that version alone.
        waiting = registry.challenger(model) if registry.governance.strict and not again else None
        if waiting is None or not stands(waiting):
            outcome = train(sources, workspace.folder, recipe, scheme, registry, progress=progress)
            waiting = trained = outcome.version
            seconds |= outcome.seconds
            lap("train")
        try:
            champion, _ = promote(registry, model, waiting.version, by=_person(), reason="demo")
        except GateFailedError as error:
            if champion is None:
                raise _nothing_to_serve(error, workspace) from error
            refused = error
        except ApprovalError as error:
            if champion is None:
                raise
            refused = error
        lap("promote")
    registry.pull(model, CHAMPION, workspace.settings.bundle)
    shelve(registry, model, workspace.settings.models)
    batch = _grade(workspace, progress)
    _write_quality(workspace, sources)
    lap("grade")
    return Journey(
        sources=sources,
        backtest=backtest_report(registry, champion),
        stress=StressReport.from_dict(json.loads(registry.store.read(champion, "stress.json"))),
        champion=champion,
        versions=registry.versions(model),
        trained=trained,
        refused=refused,
        batch=batch,
        seconds=seconds,
    )


def _nothing_to_serve(error: GateFailedError, workspace: Workspace) -> GateFailedError:
    return GateFailedError(
        error.message,
        hint=f"There is no champion yet, so nobody was graded. Every figure and the advice of "
        f"each gate are in {workspace.reports / 'model_card.html'}. Change a copy of the recipe "
        "(`tierwise recipe > mine.toml`) and run again with `--recipe mine.toml`; "
        "docs/how-to-write-a-recipe.md says what to change for which gate.",
        **error.context,
    )


def _stands_for(
    champion: ModelVersion, sources: Sources, workspace: Workspace, recipe: Recipe, scheme: Scheme
) -> bool:
    material = prepare(sources, workspace.folder, recipe)
    mine: dict[str, Any] = {
        "data_fingerprint": material.provenance.data_fingerprint,
        "code_version": material.provenance.code_version,
        "recipe_sha256": recipe.sha256,
        "scheme_sha256": scheme.sha256,
    }
    dirty = str(mine["code_version"]).endswith("-dirty")
    return not dirty and all(champion.tags.get(key) == value for key, value in mine.items())


def _grade(workspace: Workspace, progress: Progress) -> BatchResult:
    settings = workspace.settings
    database = Database(settings.database)
    try:
        database.upgrade()
        frame, published = open_published(workspace.published)
        bundle = Bundle.load(settings.bundle)
        BundleArchive(settings.archive).keep(settings.bundle, bundle.digest)
        return run_batch(
            bundle,
            frame,
            database,
            published=published,
            actor=_person(),
            progress=progress,
            panel=load_panel(settings.panel, settings.days_off),
        )
    finally:
        database.dispose()


def _write_quality(workspace: Workspace, sources: Sources) -> None:
    day = sources.info.last_day
    frame = read_frame(workspace.published / indicators_name(day))
    report = quality(sources, Snapshot.at(day), frame, folder=workspace.sources)
    write_report(report, workspace.reports)


def _person() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "demo"
