"""Commands of the service: ``batch`` and ``grade`` grade, ``serve`` answers.

Expected failures are raised as they are; ``tierwise/cli.py`` tells them to people.
"""

from __future__ import annotations

import gc
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import Progress

from features.commands.terminal import columns
from features.errors import TierwiseError
from serving.batch_words import show_drift, show_result
from serving.options import BundleFolder, DatabaseUrl, Home, WorldArgument, read_settings
from serving.priority import give_way

if TYPE_CHECKING:
    from features.schema import Frames
    from serving.batch import BatchResult
    from serving.batch import Progress as Told
    from serving.domain.drift import DriftReport
    from serving.domain.grade import Run
    from serving.settings import Settings
    from serving.store.session import Database

app = typer.Typer(name="serving", help="Grade customers and serve grades.", no_args_is_help=True)
console = Console()

Engine = Literal["local", "spark"]


@app.command()
def batch(
    world: WorldArgument = None,
    published: Annotated[
        Path | None,
        typer.Option(show_default="the world's", help="Folder of published snapshots."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], show_default="the latest", help="Published day."),
    ] = None,
    frame: Annotated[
        Path | None, typer.Option(help="A bare indicator frame instead (Parquet).")
    ] = None,
    home: Home = None,
    bundle: BundleFolder = None,
    database: DatabaseUrl = None,
    by: Annotated[str, typer.Option(help="Who asks; kept in the audit trail.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Grade even what is served already.")
    ] = False,
    priority: Annotated[
        Literal["low", "normal"],
        typer.Option(
            envvar="TIERWISE_BATCH_PRIORITY", help="Whether others on this machine go first."
        ),
    ] = "low",
) -> None:
    """Grade all customers of a snapshot and make them the run that is served."""
    if frame is not None and (published is not None or as_of is not None):
        raise typer.BadParameter("Give either --frame, or --published with --as-of.")
    settings = read_settings(home=home, world=world, bundle_dir=bundle, database_url=database)
    if priority == "low":
        give_way()
    with _progress() as told:
        result, report = _batch(
            settings,
            frame,
            published or settings.state / "published",
            as_of.date() if as_of else None,
            by or getpass.getuser(),
            force,
            told,
        )
    show_result(console, result)
    show_drift(console, report)


@app.command()
def grade(
    published: Annotated[Path, typer.Option(help="Folder of published snapshots.")],
    bundle: Annotated[Path, typer.Option(help="Folder of a bundle.")],
    out: Annotated[
        Path, typer.Option(help="Parquet to write: a file, with Spark a new folder of files.")
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], show_default="the latest", help="Published day."),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Where to grade.")] = "local",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of Spark.")] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory of Spark on this machine, such as 4GB.")
    ] = None,
) -> None:
    """Grade all customers of a snapshot into Parquet, without the service's store."""
    from serving.bulk import grade_bulk

    result = grade_bulk(
        published,
        bundle,
        out,
        day=as_of.date() if as_of else None,
        engine=engine,
        threads=threads,
        memory_limit=memory,
    )
    tiers = ", ".join(f"{tier} {count:,}" for tier, count in result.tiers.items())
    console.print(
        f"{result.customers:,} customers graded as of {result.as_of}: {tiers}; "
        f"{result.referred:,} referred. Written to {result.path}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@app.command()
def serve(
    world: WorldArgument = None,
    home: Home = None,
    bundle: BundleFolder = None,
    database: DatabaseUrl = None,
    host: Annotated[
        str | None, typer.Option(show_default="127.0.0.1", help="Address to bind to.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, show_default="8000", help="Port to serve on; 0 for a free one."
        ),
    ] = None,
) -> None:
    """Serve the API and the pages until interrupted."""
    from serving.app import create_app
    from serving.leaving import run
    from serving.logs import configure_logging
    from serving.memory import give_back

    settings = read_settings(
        home=home,
        world=world,
        bundle_dir=bundle,
        database_url=database,
        host=host,
        port=port,
    )
    configure_logging(settings.log_form)
    application = create_app(settings)
    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    console.print(f"Pages     {address}/", highlight=False)
    console.print(f"API       {address}/v1/grades", highlight=False)
    console.print(f"Reference {address}/docs", highlight=False)
    # What is there now stays: looking through all of it for garbage again and again would hold
    # up the requests that come by just then. So would a look after every 700 objects, which a
    # what-if makes several times over and gives back by itself.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    give_back()
    # A thread that computes gives way to one that answers after a millisecond instead of five.
    sys.setswitchinterval(0.001)
    # Our own middleware writes the access log, with the request id in it.
    run(
        application,
        application.state.service.leaving,
        drain=settings.drain_seconds,
        grace=settings.grace_seconds,
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        log_config=None,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def _batch(
    settings: Settings,
    frame: Path | None,
    published: Path,
    day: date | None,
    actor: str,
    force: bool,
    told: Told,
) -> tuple[BatchResult, DriftReport | None]:
    from features.parquet import FrameFile
    from serving.archive import BundleArchive
    from serving.batch import run_batch
    from serving.canary.preparing import canary_of_batch
    from serving.canary.reporting import make_report
    from serving.drifting import watch_drift
    from serving.published import open_published
    from serving.reviewing.horizon import calendar_fault
    from serving.store.session import Database
    from tiering.panel.policy_file import load_panel
    from training.bundle import Bundle

    panel = load_panel(settings.panel, settings.days_off)
    loaded = Bundle.load(settings.bundle)
    BundleArchive(settings.archive).keep(settings.bundle, loaded.digest)
    indicators, origin = (
        (FrameFile(frame), None) if frame is not None else open_published(published, day)
    )
    store = Database(settings.database)
    try:
        store.upgrade()
        archive = BundleArchive(settings.archive)
        canary = canary_of_batch(store, archive, loaded, indicators, _say, actor=actor)
        result = run_batch(
            loaded,
            indicators,
            store,
            published=origin,
            actor=actor,
            progress=told,
            force=force,
            canary=canary,
            panel=panel,
        )
        if (told_of := calendar_fault(panel, result.run.finished_at)) is not None:
            _say(told_of)
        if canary is not None:
            now = datetime.now(UTC).replace(tzinfo=None)
            make_report(store, canary.plan, settings.published, now)
        _shadow(settings, indicators, store, result.run)
        told("watch", 0, 1)
        report = watch_drift(store, result.run, datetime.now(UTC).replace(tzinfo=None))
        told("watch", 1, 1)
        return result, report
    finally:
        store.dispose()


def _shadow(settings: Settings, frame: Frames, store: Database, run: Run) -> None:
    """Let the shadow grade too; what goes wrong with it is told, and undoes nothing."""
    if not settings.shadow.is_dir():
        return
    from serving.shadow.grading import grade_shadow
    from training.bundle import Bundle

    try:
        grade_shadow(Bundle.load(settings.shadow), frame, store, run)
    except TierwiseError as error:
        _say(f"The shadow did not grade: {error}")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False)


@contextmanager
def _progress() -> Iterator[Told]:
    with Progress(*columns("{task.description:>6}"), console=console) as bars:
        tasks: dict[str, Any] = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield told
