"""``tierwise audit``: verify the trail, prove events, replay grades."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from serving.audit import Proof, prove, verify
from serving.domain.event import AuditEvent
from serving.domain.merkle import Head
from serving.errors import AuditError
from serving.settings import Settings
from serving.store.session import Database, Session

if TYPE_CHECKING:
    from features.schema import IndicatorFrame
    from serving.domain.grade import Run

app = typer.Typer(
    name="audit", help="Verify the audit trail, prove events, replay grades.", no_args_is_help=True
)
console = Console()

World = Annotated[str | None, typer.Argument(help="Name of the world. [default: journey]")]
Home = Annotated[
    Path | None, typer.Option("--home", help="Folder that holds all state. [default: var]")
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", help="URL of the store. [default: the world's]")
]
Out = Annotated[Path | None, typer.Option("--out", help="File to write. [default: print it]")]


@app.command("verify")
def verify_trail(
    world: World = None,
    home: Home = None,
    database: DatabaseOption = None,
    head: Annotated[
        Path | None, typer.Option(help="A head kept elsewhere, which the trail must begin with.")
    ] = None,
    out: Out = None,
) -> None:
    """Read the whole trail; tell its head, to be kept where the store cannot be written."""
    kept = None if head is None else _head(_document(head))
    with _session(home, world, database) as (session, _):
        found = verify(session, kept)
    since = "" if kept is None else f"; it only grew since the {kept.size:,} that were kept"
    _say(f"{found.size:,} events verify{since}. Root {found.root}")
    if out is not None:
        _write(out, asdict(found))


@app.command("prove")
def prove_event(
    sequence: Annotated[int, typer.Argument(help="Number of the event.")],
    world: World = None,
    home: Home = None,
    database: DatabaseOption = None,
    out: Out = None,
) -> None:
    """Write the proof that an event stands in the trail; it is checked without the store."""
    with _session(home, world, database) as (session, _):
        found = prove(session, sequence)
    event = asdict(found.event) | {"at": found.event.at.isoformat()}
    _write(out, {"event": event, "head": asdict(found.head), "path": list(found.path)})


@app.command("check")
def check_proof(
    proof: Annotated[Path, typer.Argument(help="What `audit prove` wrote.")],
    head: Annotated[
        Path | None, typer.Option(help="A trusted head; without it, the proof's own.")
    ] = None,
) -> None:
    """Check a proof, without any store."""
    document = _document(proof)
    try:
        fields = dict(document["event"])
        event = AuditEvent(**(fields | {"at": datetime.fromisoformat(fields["at"])}))
        found = Proof(event, _head(document["head"]), tuple(document["path"]))
    except (KeyError, TypeError, ValueError) as error:
        raise AuditError(f"{proof.name} is no proof: {error!r}.") from error
    if not found.holds(None if head is None else _head(_document(head))):
        raise AuditError(
            f"The proof of event {event.sequence} does not hold.",
            hint="The event was changed, or stands in another trail.",
            sequence=event.sequence,
        )
    _say(f"Event {event.sequence} ({event.action}, {event.subject}) stands in the trail.")


@app.command("replay")
def replay_grade(
    grade_id: Annotated[str, typer.Argument(help="Id of a grade, or of a run: all its grades.")],
    world: World = None,
    home: Home = None,
    database: DatabaseOption = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of the bundle it was graded with.")
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(help="Ingested sources. [default: the world's]")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Read the published indicators instead of the sources.")
    ] = None,
) -> None:
    """Compute a grade, or all of a run, again from what was known then; compare every bit."""
    from serving.replay import replay, run_of_grade
    from serving.store.grades import Grades
    from training.bundle import Bundle

    with _session(home, world, database, bundle) as (session, settings):
        run = Grades(session).run(grade_id)
        only = None if run is not None else grade_id
        run = run or run_of_grade(session, grade_id)[0]
        loaded = Bundle.load(settings.bundle)
        frame = _frame(run, sources or settings.state / "sources", published)
        found = replay(session, run, frame, loaded, only=only)
    for difference in found.differences[:20]:
        _say(
            f"{difference.customer_id}: {difference.field} was {difference.stored!r}, "
            f"is {difference.replayed!r}"
        )
    if not found.stands:
        raise AuditError(
            f"{len(found.differences):,} numbers of {found.grades:,} grades came out otherwise.",
            hint="Either the store was changed, or these are not the sources it was graded from.",
            run_id=run.run_id,
        )
    _say(
        f"{found.grades:,} grade{'s' if found.grades != 1 else ''} of run {run.run_id} came out "
        f"the same to the last bit, as of {run.basis.as_of}, known at {run.known_at}. "
        f"The run is event {found.proof.event.sequence} of a trail of {found.proof.head.size:,}; "
        f"its proof has {len(found.proof.path)} hashes."
    )


def _frame(run: Run, sources: Path, published: Path | None) -> IndicatorFrame:
    if published is not None:
        from serving.published import read_published

        return read_published(published, run.basis.as_of)[0]
    from features.publish import materialise
    from features.snapshot import Snapshot
    from features.sources import open_sources

    return materialise(open_sources(sources), Snapshot.at(run.basis.as_of, run.known_at))


@contextmanager
def _session(
    home: Path | None, world: str | None, database: str | None, bundle: Path | None = None
) -> Iterator[tuple[Session, Settings]]:
    given = {"home": home, "world": world, "database_url": database, "bundle_dir": bundle}
    settings = Settings(**{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    file = settings.database.removeprefix("sqlite:///")
    if file != settings.database and not Path(file).is_file():
        # SQLite would make an empty one, and an audit leaves nothing behind.
        raise AuditError(
            "There is no store to audit.",
            hint="Run `tierwise batch` first, or say where it is by --home or --database.",
            database=settings.database,
        )
    store = Database(settings.database)
    try:
        with store.read() as session:
            yield session, settings
    finally:
        store.dispose()


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AuditError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise AuditError(f"{path.name} is no proof and no head.")
    return document


def _head(document: dict[str, Any]) -> Head:
    try:
        return Head(int(document["size"]), str(document["root"]))
    except (KeyError, TypeError, ValueError) as error:
        raise AuditError("A head needs a size and a root.", hint="Write one by --out.") from error


def _write(out: Path | None, document: object) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if out is None:
        console.print_json(text)
    else:
        out.write_text(text + "\n", "utf-8")
        _say(f"Written to {out}")


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
