"""Taking a backup while the service runs, and setting one up elsewhere."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from serving.archive import BundleArchive
from serving.audit import verify
from serving.backup.contents import ROWS, Contents, check, hashes_of
from serving.backup.deidentifying import Deidentifier
from serving.domain.merkle import Head
from serving.errors import BackupError
from serving.push.keys import FILE as PUSH_KEY
from serving.sealing import verify_runs
from serving.settings import Settings
from serving.store.copying import dump, fill, is_empty
from serving.store.session import Database

_WORLD = ("bundle", "models")
_REGISTRY = ("mlflow.db", "mlartifacts")


def create(
    settings: Settings, out: Path, *, sources: bool = False, hidden: Deidentifier | None = None
) -> Contents:
    """Write a backup into a new folder, while others read and write.

    The rows are those of one moment. The folder appears when it is whole.

    Parameters
    ----------
    sources
        Take the ingested sources too, from which grades are replayed.
    hidden
        Gives other names; then only the store's rows leave, not models and sources.

    Raises
    ------
    AuditError
        If the audit trail does not verify: what is damaged must not pass for a backup.
    BackupError
        If there is something at ``out``.
    StoreError
        If the store does not answer.
    """
    if out.exists():
        raise BackupError(f"There is something at {out} already.", hint="Name a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    store = Database(settings.database)
    try:
        with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
            folder = Path(scratch) / "backup"
            (folder / ROWS).mkdir(parents=True)
            revision = store.revision()
            if revision is None:
                raise BackupError("There is no store to back up.", hint="Run tierwise batch first.")
            with store.read() as session:
                head = verify(session)
                verify_runs(session)
                rows = dump(session, folder / ROWS, hidden)
            if hidden is None:
                _copy_files(settings, folder, sources=sources)
            contents = Contents(
                world=settings.world,
                created_at=datetime.now(UTC).isoformat(),
                revision=revision,
                deidentified=hidden is not None,
                head=head,
                rows=rows,
                files=hashes_of(folder),
            )
            contents.save(folder)
            _to_disk(folder)
            folder.rename(out)
    finally:
        store.dispose()
    return contents


def restore(folder: Path, settings: Settings) -> Contents:
    """Set a backup up in an empty place, on either engine, and check that nothing is missing.

    Raises
    ------
    BackupError
        If the backup is damaged, the target is not empty, or what was set up is not what was
        taken; then the store is left as empty as it was.
    """
    contents = check(folder)
    taken = [path for path in _targets(settings, folder) if path.exists() or path.is_symlink()]
    if taken:
        raise BackupError(
            f"There is something at {taken[0]} already.", hint="Restore into an empty place."
        )
    store = Database(settings.database)
    try:
        with store.read() as session:
            if not is_empty(session):
                raise BackupError(
                    "The store is not empty.", hint="Name an empty database by --database."
                )
        store.upgrade(contents.revision)
        try:
            with store.write() as session:
                fill(session, folder / ROWS)
            store.upgrade()
            if not contents.deidentified:
                _check_restored(store, contents.head)
        except BaseException:
            store.downgrade("base")
            raise
    finally:
        store.dispose()
    for target in _targets(settings, folder):
        source = folder / target.relative_to(settings.home)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
    return contents


def _check_restored(store: Database, head: Head) -> None:
    with store.read() as session:
        if verify(session) != head:
            raise BackupError("The audit trail that was restored is not the one that was taken.")
        verify_runs(session)


def _copy_files(settings: Settings, folder: Path, *, sources: bool) -> None:
    home, state = settings.home, settings.state
    inside = folder / settings.world
    for name in (*_WORLD, *(("sources",) if sources else ())):
        if (state / name).is_dir():
            # A link that a promotion may turn meanwhile is followed once.
            shutil.copytree((state / name).resolve(), inside / name)
    if (state / PUSH_KEY).is_file():
        # Without it no webhook could be signed by the secret that its receiver knows.
        inside.mkdir(exist_ok=True)
        shutil.copy2(state / PUSH_KEY, inside / PUSH_KEY)
    archive = BundleArchive(settings.archive)
    for digest in archive.digests():
        shutil.copytree(archive.folder / digest, inside / archive.folder.name / digest)
    if (home / _REGISTRY[1]).is_dir():
        shutil.copytree(home / _REGISTRY[1], folder / _REGISTRY[1])
    if (home / _REGISTRY[0]).is_file():
        with (
            closing(sqlite3.connect(home / _REGISTRY[0])) as live,
            closing(sqlite3.connect(folder / _REGISTRY[0])) as copy,
        ):
            live.backup(copy)  # of one moment, though somebody registers a model meanwhile


def _targets(settings: Settings, folder: Path) -> list[Path]:
    """Return where the folders and files beside the store go."""
    world = folder / settings.world
    inside = (
        [settings.state / path.name for path in sorted(world.iterdir())] if world.is_dir() else []
    )
    beside = [settings.home / name for name in _REGISTRY if (folder / name).exists()]
    return [*inside, *beside]


def _to_disk(folder: Path) -> None:
    """Have everything on the disk before the folder gets its name."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
