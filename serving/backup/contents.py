"""What a backup holds, and whether it still does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from serving.domain.event import AuditEvent, first_broken
from serving.domain.merkle import Head, head_of
from serving.errors import BackupError
from serving.store.copying import read_rows

FORMAT = 1
CONTENTS = "backup.json"
ROWS = "store"
_ASK_ANOTHER = "Take another backup; this one is not what was written."


@dataclass(frozen=True, slots=True)
class Contents:
    """The list of a backup, written last: a folder without it is no backup.

    Attributes
    ----------
    revision
        Of the store's schema.
    deidentified
        Whether customers and people were given other names, and texts left out.
    head
        Of the audit trail at the moment of the copy.
    rows
        By table.
    files
        SHA-256 (hex) by path inside the backup.
    """

    world: str
    created_at: str
    revision: str
    deidentified: bool
    head: Head
    rows: Mapping[str, int]
    files: Mapping[str, str]

    def save(self, folder: Path) -> None:
        """Write the list."""
        document = {"format": FORMAT, **asdict(self)}
        (folder / CONTENTS).write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def read_contents(folder: Path) -> Contents:
    """Read the list of a backup.

    Raises
    ------
    BackupError
        If the folder is no backup of this format.
    """
    try:
        document: dict[str, Any] = json.loads((folder / CONTENTS).read_text("utf-8"))
        if document.pop("format") != FORMAT:
            raise BackupError(
                f"{folder} is a backup of another format.", hint="Use the version that made it."
            )
        return Contents(**{**document, "head": Head(**document["head"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(
            f"{folder} is no whole backup: its {CONTENTS} is missing or damaged.",
            hint="A backup that was interrupted has none.",
        ) from error


def check(folder: Path) -> Contents:
    """Check every file of a backup, and the audit trail inside it; no store is needed.

    Raises
    ------
    BackupError
        If a file is missing, was changed or was added, or the trail in it does not verify.
    """
    contents = read_contents(folder)
    present = hashes_of(folder)
    told = dict(contents.files)
    wrong = sorted(name for name in {*present, *told} if present.get(name) != told.get(name))
    if wrong:
        raise BackupError(
            f"The backup is damaged: {', '.join(wrong[:5])}.", hint=_ASK_ANOTHER, files=wrong
        )
    _, rows = read_rows(folder / ROWS / "audit_event.jsonl")
    leaves = []
    events = []
    for row in rows:
        leaves.append(row["hash"])
        if not contents.deidentified:
            events.append(_event(row))
    if head_of(leaves) != contents.head or first_broken(events) is not None:
        raise BackupError("The audit trail in the backup does not verify.", hint=_ASK_ANOTHER)
    return contents


def hashes_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file but the list itself, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != CONTENTS:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _event(row: Mapping[str, Any]) -> AuditEvent:
    fields = {**row, "at": datetime.fromisoformat(row["at"]), "payload": json.loads(row["payload"])}
    return AuditEvent(**fields)
