"""``tierwise audit``: verify the trail, prove events, replay grades."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from features.commands.terminal import bar
from serving import sealing
from serving.audit import Proof, prove, verify
from serving.domain.event import AuditEvent
from serving.domain.merkle import Head
from serving.errors import AuditError
from serving.governance.anchors import verify_reads
from serving.options import DatabaseUrl, Home, WorldArgument, read_settings
from serving.store.audit_events import AuditEvents
from serving.store.session import Database, Session

if TYPE_CHECKING:
    from features.schema import IndicatorFrame
    from serving.domain.grade import Run
    from serving.replay import Replay
    from serving.settings import Settings

app = typer.Typer(
    name="audit",
    help="Verify the audit trail, prove events, replay grades.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()
errors = Console(stderr=True)

Out = Annotated[Path | None, typer.Option("--out", show_default="print it", help="File to write.")]


@app.command("verify")
def verify_trail(
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    head: Annotated[
        Path | None, typer.Option(help="A head kept elsewhere, which the trail must begin with.")
    ] = None,
    out: Out = None,
) -> None:
    """Check the trail, and runs, grades and the log of reads against it; tell its head."""
    kept = None if head is None else _head(_document(head))
    with _session(home, world, database) as (session, _):
        found = verify(session, kept)
        with _bar("runs") as tell:
            runs = sealing.verify_runs(session, tell)
        with _bar("pages of looks") as tell:
            looks = verify_reads(session, tell)
    since = "" if kept is None else f"; it only grew since the {kept.size:,} that were kept"
    _say(f"{_of(found.size, 'event')} verified{since}. Root {found.root}")
    before = f"; not sealed: {_of(runs.unsealed, 'older run')}" if runs.unsealed else ""
    _say(f"As recorded: {_of(runs.grades, 'grade')} of {_of(runs.runs, 'run')}{before}.")
    _say(f"As written: {_of(looks.reads, 'look')} at customers in {_of(looks.pages, 'page')}.")
    if out is not None:
        _write(out, asdict(found))


@app.command("prove")
def prove_event(
    sequence: Annotated[int, typer.Argument(help="Number of the event.")],
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    out: Out = None,
) -> None:
    """Write the proof that an event stands in the trail; it is checked without the store."""
    with _session(home, world, database) as (session, _):
        found = prove(session, sequence)
    _write(out, _proof_document(found))


@app.command("prove-grade")
def prove_one_grade(
    grade_id: Annotated[str, typer.Argument(help="Id of the grade.")],
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    out: Out = None,
) -> None:
    """Write the proof that a grade is the one that its run recorded, with that of the run."""
    from serving.replay import run_of_grade

    with _session(home, world, database) as (session, _):
        run, _grade = run_of_grade(session, grade_id)
        grade = sealing.prove_grade(session, run.run_id, grade_id)
        event = AuditEvents(session).about(f"run:{run.run_id}")[-1]
        found = prove(session, event.sequence)
    _write(out, {**_proof_document(found), "grade": sealing.proof_document(grade)})


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
        grade = sealing.proof_of_grade(document["grade"]) if "grade" in document else None
    except (KeyError, TypeError, ValueError) as error:
        raise AuditError(f"{proof.name} is no proof: {error!r}.") from error
    if grade is not None and not (grade.holds() and grade.head == sealing.recorded_head(event)):
        raise AuditError(
            f"The proof of grade {grade.grade.get('grade_id')} does not hold.",
            hint="The grade was changed, or belongs to another run.",
        )
    if not found.holds(None if head is None else _head(_document(head))):
        raise AuditError(
            f"The proof of event {event.sequence} does not hold.",
            hint="The event was changed, or stands in another trail.",
            sequence=event.sequence,
        )
    if grade is not None:
        row = grade.grade
        _say(f"Grade {row['grade_id']} of {row['customer_id']}: score {row['score']}, unchanged.")
    _say(f"Event {event.sequence} ({event.action}, {event.subject}) stands in the trail.")


def _proof_document(found: Proof) -> dict[str, Any]:
    event = asdict(found.event) | {"at": found.event.at.isoformat()}
    return {"event": event, "head": asdict(found.head), "path": list(found.path)}


@app.command("replay")
def replay_grade(
    grade_id: Annotated[
        str | None, typer.Argument(help="Id of a grade, or of a run: all its grades.")
    ] = None,
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            show_default="from the archive", help="Folder of the bundle it was graded with."
        ),
    ] = None,
    sources: Annotated[
        Path | None, typer.Option(show_default="the world's", help="Ingested sources.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Read the published indicators instead of the sources.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="So many grades of all runs, at random; then no GRADE_ID."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the sample.")] = 0,
) -> None:
    """Compute grades again from what was known then; compare every bit."""
    from serving.archive import BundleArchive
    from serving.replay import draw, replay_runs, run_of_grade
    from serving.store.grades import Grades

    if sample is not None and grade_id is not None:
        if world is not None:
            raise typer.BadParameter("Give either a grade or --sample.")
        grade_id, world = None, grade_id
    if sample is None and grade_id is None:
        raise typer.BadParameter("Give the id of a grade or of a run, or --sample.")
    with _session(home, world, database, bundle) as (session, settings), _bar("grades") as tell:
        if grade_id is None:
            wanted: dict[str, frozenset[str] | None] = {**draw(session, sample or 0, seed)}
        elif Grades(session).run(grade_id) is not None:
            wanted = {grade_id: None}
        else:
            wanted = {run_of_grade(session, grade_id)[0].run_id: frozenset([grade_id])}
        archive = BundleArchive(settings.archive)
        found = replay_runs(
            session,
            wanted,
            lambda digest: archive.load(digest, settings.bundle),
            lambda run: _frame(run, sources or settings.state / "sources", published),
            progress=tell,
        )
    _tell_of(found)


def _tell_of(found: Sequence[Replay]) -> None:
    differences = [difference for each in found for difference in each.differences]
    for difference in differences[:20]:
        _say(
            f"{difference.customer_id}: {difference.field} was {difference.stored!r}, "
            f"is {difference.replayed!r}"
        )
    grades = sum(each.grades for each in found)
    if differences:
        raise AuditError(
            f"{len(differences):,} numbers of {grades:,} grades came out otherwise.",
            hint="Either the store was changed, or these are not the sources it was graded from.",
            runs=[each.run.run_id for each in found if not each.stands],
        )
    if len(found) != 1:
        bundles = len({each.run.basis.bundle_digest for each in found})
        _say(
            f"{grades:,} grades of {len(found):,} runs by {bundles:,} bundles came out the same "
            "to the last bit, each from what was known then."
        )
        return
    (one,) = found
    _say(
        f"{grades:,} grade{'s' if grades != 1 else ''} of run {one.run.run_id} came out "
        f"the same to the last bit, as of {one.run.basis.as_of}, known at {one.run.known_at}. "
        f"The run is event {one.proof.event.sequence} of a trail of {one.proof.head.size:,}; "
        f"its proof has {len(one.proof.path)} hashes."
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
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    with bar(errors, what) as tell:
        yield lambda done, total: tell(what, done, total)


@contextmanager
def _session(
    home: Path | None, world: str | None, database: str | None, bundle: Path | None = None
) -> Iterator[tuple[Session, Settings]]:
    settings = read_settings(home=home, world=world, database_url=database, bundle_dir=bundle)
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


def _of(count: int, one: str) -> str:
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
