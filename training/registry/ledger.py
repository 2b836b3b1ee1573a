"""Who was champion when: an append-only file of promotions, refusals and rollbacks.

The registry's aliases say who is champion *now* and keep no history. The ledger is written
first and the alias second, so a process killed between the two leaves a ledger from which
the alias is restored (``training/registry/registry.py``).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from training.errors import RegistryError

Action = Literal["promote", "rollback", "refuse"]

REFUSE: Action = "refuse"
"""A promotion that the gates forbade: on record, but no change of champion."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of champion, or one that was refused.

    Attributes
    ----------
    at
        When, ISO 8601, UTC.
    model
        Registered model.
    action
        ``promote``, ``rollback`` or ``refuse``.
    version
        Champion from this moment on; of a refusal, the version that was refused.
    previous
        Champion until this moment (and after a refusal); None before the first.
    by
        Who asked for it.
    reason
        Why, in the words of that person; may be empty.
    failed
        Gates that failed, with value and limit; only of a refusal.
    """

    at: str
    model: str
    action: Action
    version: int
    previous: int | None
    by: str
    reason: str
    failed: tuple[str, ...] = ()

    @property
    def crowns(self) -> bool:
        """Whether ``version`` was champion from this entry on."""
        return self.action != REFUSE


class PromotionLedger:
    """JSON-lines file, one :class:`LedgerEntry` a line, only ever appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, model: str) -> list[LedgerEntry]:
        """Return the entries of one model, oldest first.

        A last line cut short by a killed writer is no entry: nothing followed from it.

        Raises
        ------
        RegistryError
            If any other line is not an entry: the history was edited.
        """
        if not self.path.exists():
            return []
        found = _read(self.path.read_text("utf-8"), self.path)
        return [entry for entry in found if entry.model == model]

    def champion(self, model: str, at: datetime | None = None) -> int | None:
        """Return the champion's version now, or at an instant (UTC); None before the first."""
        moment = None if at is None else _stamp(at)
        return _last_champion(e for e in self.entries(model) if moment is None or e.at <= moment)

    def before(self, model: str) -> int | None:
        """Return the version a rollback goes to: the champion that the present one replaced."""
        stack: list[int] = []
        for entry in self.entries(model):
            if entry.action == "rollback":
                stack.pop()
            elif entry.crowns:
                stack.append(entry.version)
        return stack[-2] if len(stack) > 1 else None

    def append(
        self,
        model: str,
        action: Action,
        version: int,
        *,
        by: str,
        reason: str = "",
        failed: Iterable[str] = (),
    ) -> LedgerEntry:
        """Write one entry, on disk before it returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path) as stream:
            text = stream.read()
            whole = text[: text.rfind("\n") + 1]
            mine = (e for e in _read(whole, self.path) if e.model == model)
            entry = LedgerEntry(
                at=_stamp(datetime.now(UTC)),
                model=model,
                action=action,
                version=version,
                previous=_last_champion(mine),
                by=by,
                reason=reason,
                failed=tuple(failed),
            )
            stream.seek(len(whole.encode()))
            stream.truncate()
            stream.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        return entry


def _last_champion(entries: Iterable[LedgerEntry]) -> int | None:
    crowned = [entry.version for entry in entries if entry.crowns]
    return crowned[-1] if crowned else None


def _stamp(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def _read(text: str, path: Path) -> Iterator[LedgerEntry]:
    complete, _, _ = text.rpartition("\n")
    for number, line in enumerate(complete.splitlines(), start=1):
        try:
            fields = json.loads(line)
            yield LedgerEntry(**{**fields, "failed": tuple(fields.get("failed", ()))})
        except (ValueError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"Line {number} of the promotion ledger {path.name} is not an entry.",
                hint="The history of champions was edited: restore the file from a backup.",
                line=number,
            ) from error


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        yield stream
