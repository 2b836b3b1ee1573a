"""The folder of ingested sources: its layout, its ``sources.json``, its atomic exchange.

Layout: ``{table}.parquet`` (accepted rows), ``quarantine/{table}.parquet`` (refused rows:
``reason`` and ``row``, the raw row as JSON text), and ``sources.json``, written last.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from features.contract import CONTRACT
from features.errors import DataError

SOURCES_JSON = "sources.json"
QUARANTINE = "quarantine"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


@contextmanager
def exchange(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``folder`` if the block succeeds.

    The old content stays untouched until the new one is complete; a run that is killed
    leaves the old one in place (or, between the two renames, beside it, from where the
    next reader brings it back).

    Raises
    ------
    DataError
        If ``folder`` holds anything that is not ours: it would be deleted.
    """
    finish_exchange(folder)
    _refuse_foreign(folder)
    incoming, previous = _sibling(folder, "incoming"), _sibling(folder, "previous")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove(incoming)
        incoming.mkdir()
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written: {error.strerror}.",
            hint="Name a folder that you may write to.",
            path=str(folder),
        ) from error
    try:
        yield incoming
        _remove(previous)
        if folder.exists():
            folder.replace(previous)
        incoming.replace(folder)
        _remove(previous)
    finally:
        _remove(incoming)


def finish_exchange(folder: Path) -> None:
    """Bring back the old folder if a run was killed between the two renames."""
    previous = _sibling(folder, "previous")
    if not folder.exists() and (previous / SOURCES_JSON).is_file():
        previous.replace(folder)


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    ours = {SOURCES_JSON, QUARANTINE, *(f"{table}.parquet" for table in CONTRACT)}
    foreign = (
        sorted(entry.name for entry in folder.iterdir() if entry.name not in ours)
        if folder.is_dir()
        else [folder.name]
    )
    if foreign:
        raise DataError(
            f"{folder} holds files that are not ingested sources: {', '.join(foreign[:5])}.",
            hint="Name a new or an empty folder; ingesting replaces the whole folder.",
            path=str(folder),
        )


def _sibling(folder: Path, purpose: str) -> Path:
    return folder.parent / f".{folder.name}.{purpose}"


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
