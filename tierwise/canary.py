"""``tierwise canary``: a second model that grades, and is served to, a share of the customers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from serving.errors import ConflictError, NotReadyError
from serving.options import DatabaseUrl, read_settings
from training.commands.options import HOME, Artifacts, Home, RegistryUrl, World

if TYPE_CHECKING:
    from serving.canary.standing import Deciding
    from serving.domain.canary import CanaryPlan
    from serving.settings import Settings
    from serving.store.session import Database

app = typer.Typer(
    name="canary",
    help="Let a model grade a share of the customers, and compare.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()

By = Annotated[str, typer.Option("--by", help="Who decides; kept in the audit trail.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")]
Percent = Annotated[float, typer.Option("--share", help="Percent of the customers, 0 to 100.")]


@app.command()
def start(
    world: World,
    share: Percent,
    version: Annotated[
        int | None,
        typer.Option("--version", show_default="the challenger", help="Number of the version."),
    ] = None,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    database: DatabaseUrl = None,
    salt: Annotated[
        str, typer.Option(show_default="a new one", help="Chooses who is in the share.")
    ] = "",
    by: By = "",
    reason: Reason = "",
) -> None:
    """Let a version that may be promoted grade a share of the customers from the next batch on."""
    from serving.archive import BundleArchive
    from serving.canary import standing
    from serving.sides import unfit
    from training.bundle import Bundle
    from training.registry.location import open_registry
    from training.registry.promotion import admit
    from training.registry.registry import model_name

    settings = read_settings(home=home, world=world, database_url=database)
    wanted, who = standing.share_of_percent(share), _who(by, reason)
    models, model = open_registry(home, registry, artifacts), model_name(world)
    found, _ = admit(models, model, version, by=who.by, reason=reason)
    settings.archive.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".canary-", dir=settings.archive.parent) as scratch:
        folder = Path(scratch) / "bundle"
        bundle = models.pull(model, found.version, folder)
        fault = unfit(Bundle.load(settings.bundle), bundle)
        if fault:
            raise ConflictError(
                f"Version {found.version} cannot grade beside the champion: {fault}.",
                hint="A canary is another model of the same world under the champion's scheme.",
            )
        # In the archive before anybody is told to look for it there.
        BundleArchive(settings.archive).keep(folder, bundle.digest)
    with _opened(settings) as store:
        plan = standing.start(store, bundle, wanted, who, salt)
    _say(f"Version {plan.model_version} of {model} grades {plan.percent:g} % of the customers.")


@app.command()
def share(
    world: World,
    share: Percent,
    home: Home = HOME,
    database: DatabaseUrl = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Give the canary another share; whoever is in both stays on its side."""
    from serving.canary import standing

    settings = read_settings(home=home, world=world, database_url=database)
    wanted = standing.share_of_percent(share)
    with _opened(settings) as store:
        plan = standing.change_share(store, wanted, _who(by, reason))
    _say(f"Version {plan.model_version} grades {plan.percent:g} % from the next batch on.")


@app.command()
def status(world: World, home: Home = HOME, database: DatabaseUrl = None) -> None:
    """Tell which canary stands, and whom it graded last."""
    from serving.store.grades import Grades

    settings = read_settings(home=home, world=world, database_url=database)
    with _opened(settings) as store, store.read() as session:
        plan, run = _plan(store), Grades(session).current_run()
    if plan is None or plan.ending is not None:
        _say("There is no canary.")
    else:
        _say(
            f"Version {plan.model_version} is the canary of {plan.percent:g} % since "
            f"{plan.started_at:%Y-%m-%d %H:%M} UTC, started by {plan.started_by}"
            f"{f': {plan.reason}' if plan.reason else ''}."
        )
    if run is not None and run.canary is not None:
        graded = run.canary
        _say(
            f"The run that is served ({run.run_id}) has {graded.customers:,} of "
            f"{run.customers:,} customers graded by version {graded.basis.model_version}."
        )


@app.command()
def report(
    world: World,
    home: Home = HOME,
    database: DatabaseUrl = None,
    published: Annotated[
        Path | None, typer.Option(show_default="the world's", help="Folder of published outcomes.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(show_default="the world's", help="Folder of the report.")
    ] = None,
) -> None:
    """Compare both sides as of now: canary.md and canary.json."""
    from serving.canary.page import page
    from serving.canary.reporting import make_report

    settings = read_settings(home=home, world=world, database_url=database)
    with _opened(settings) as store:
        plan = _plan(store)
        now = datetime.now(UTC).replace(tzinfo=None)
        folder = published or settings.published
        made = None if plan is None else make_report(store, plan, folder, now)
    if plan is None or made is None:
        raise NotReadyError(
            "No canary has graded yet.",
            hint="Run `tierwise canary start`, then `tierwise batch`.",
        )
    folder = out or settings.state / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"run_id": made.run_id, **made.comparison}, indent=2)
    (folder / "canary.json").write_text(f"{text}\n", "utf-8")
    (folder / "canary.md").write_text(page(plan, made), "utf-8")
    shown = [f["id"] for f in made.comparison["figures"] if f["verdict"] == "differs"]
    said = f"Different: {', '.join(shown)}." if shown else "No difference is shown."
    _say(f"{said} Written to {folder / 'canary.md'}")


@app.command()
def promote(
    world: World,
    home: Home = HOME,
    registry: RegistryUrl = "",
    artifacts: Artifacts = None,
    database: DatabaseUrl = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Make the canary the champion, by the gates of any promotion; then it is no canary."""
    from serving.canary import standing
    from serving.domain.canary import CanaryEnding
    from training.bundle import Bundle
    from training.commands.registry import promote as make_champion
    from training.registry.location import open_registry
    from training.registry.registry import model_name

    settings = read_settings(home=home, world=world, database_url=database)
    with _opened(settings) as store:
        plan, who = _plan(store), _who(by, reason)
        if plan is None or plan.ending is not None or plan.model_version is None:
            raise ConflictError("There is no canary.", hint="Start one: tierwise canary start.")
        version = int(plan.model_version)
        crowned = open_registry(home, registry, artifacts).champion(model_name(world))
        serves = Bundle.load(settings.bundle).digest == plan.bundle_digest
        # Else it was killed after the promotion, and only the end is to be written.
        if crowned is None or crowned.version != version or not serves:
            make_champion(world, version, home, registry, artifacts, who.by, reason)
        standing.end(store, CanaryEnding.PROMOTED, who)
    _say(f"Version {version} is no canary any more: from the next batch on it grades everybody.")


@app.command()
def stop(
    world: World, home: Home = HOME, database: DatabaseUrl = None, by: By = "", reason: Reason = ""
) -> None:
    """Abort: what-ifs are the champion's at once, stored grades from the next batch on."""
    from serving.canary import standing
    from serving.domain.canary import CanaryEnding

    settings = read_settings(home=home, world=world, database_url=database)
    with _opened(settings) as store:
        plan = standing.end(store, CanaryEnding.STOPPED, _who(by, reason))
    _say(
        f"Version {plan.model_version} is no canary any more. Run tierwise batch to give its "
        "customers the champion's grades now."
    )


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    from serving.store.session import Database

    store = Database(settings.database)
    try:
        store.upgrade()
        yield store
    finally:
        store.dispose()


def _plan(store: Database) -> CanaryPlan | None:
    from serving.store.canaries import Canaries

    with store.read() as session:
        return Canaries(session).last()


def _who(by: str, reason: str) -> Deciding:
    from serving.canary.standing import Deciding
    from training.registry.governance import account

    return Deciding(by or account(), datetime.now(UTC).replace(tzinfo=None), reason)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
