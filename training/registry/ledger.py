"""Who was champion when: an append-only file of promotions, approvals, refusals and rollbacks.

The registry's aliases say who is champion *now* and keep no history. The ledger is written
first and the alias second, so a process killed between the two leaves a ledger from which
the alias is restored (``training/registry/registry.py``). Every line carries the digest of the
one before (``training/registry/chain.py``).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from training.registry.chain import ChainedLine, next_line, not_an_entry, read_chain, whole_lines
from training.registry.governance import account

Action = Literal["promote", "rollback", "refuse", "approve"]

APPROVE: Action = "approve"
"""Somebody stands for a version; two such are asked for in production mode."""

_CROWNING: tuple[Action, ...] = ("promote", "rollback")


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of champion, or a decision about one.

    Attributes
    ----------
    at
        When, ISO 8601, UTC; never before the entry above.
    model
        Registered model.
    action
        ``promote``, ``rollback``, ``approve``, or ``refuse``: a promotion that was forbidden.
    version
        Champion from this moment on; of a refusal or approval, the version it is about.
    previous
        Champion until this moment (and after a refusal or approval); None before the first.
    by
        Who asked for it.
    reason
        Why, in the words of that person; may be empty.
    failed
        What forbade it: gates with value and limit, or approvals that are missing; only of a
        refusal.
    digest
        SHA-256 of the bundle it is about; empty in entries older than this field.
    mode
        Under which rule: ``development`` or ``production``; empty in older entries.
    account
        Account of the operating system that wrote the entry; empty in older entries.
    gate_report_sha256
        SHA-256 of the gate report that the decision rests on
        (``training/registry/judgement.py``); empty where no gates were judged.
    """

    at: str
    model: str
    action: Action
    version: int
    previous: int | None
    by: str
    reason: str
    failed: tuple[str, ...] = ()
    digest: str = ""
    mode: str = ""
    account: str = ""
    gate_report_sha256: str = ""

    @property
    def crowns(self) -> bool:
        """Whether ``version`` was champion from this entry on."""
        return self.action in _CROWNING


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
            If a line is not an entry or does not follow from the one before: the history was
            edited.
        """
        return [entry for entry, _ in self._sealed() if entry.model == model]

    def digests(self, model: str) -> list[str]:
        """Return the SHA-256 of each of a model's lines, oldest first."""
        return [sha256 for entry, sha256 in self._sealed() if entry.model == model]

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

    def approvals(self, model: str, version: int, digest: str) -> list[LedgerEntry]:
        """Return the approvals in force of exactly this version and bundle, oldest first.

        A promotion uses up the approvals before it: after a rollback, bringing the version
        back needs new ones.
        """
        found: list[LedgerEntry] = []
        for entry in self.entries(model):
            if entry.version != version:
                continue
            if entry.action == "promote":
                found = []
            elif entry.action == APPROVE and entry.digest == digest:
                found.append(entry)
        return found

    def append(
        self,
        model: str,
        action: Action,
        version: int,
        *,
        by: str,
        reason: str = "",
        failed: Iterable[str] = (),
        digest: str = "",
        mode: str = "",
        gate_report_sha256: str = "",
    ) -> LedgerEntry:
        """Write one entry, on disk before it returns.

        Raises
        ------
        RegistryError
            If the history above was edited: nothing is added to it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path) as stream:
            whole = whole_lines(stream.read())
            above = [entry for entry, _ in _read(whole, self.path)]
            entry = LedgerEntry(
                # A clock that was set back must not reorder history.
                at=max([_stamp(datetime.now(UTC)), *(each.at for each in above[-1:])]),
                model=model,
                action=action,
                version=version,
                previous=_last_champion(e for e in above if e.model == model),
                by=by,
                reason=reason,
                failed=tuple(failed),
                digest=digest,
                mode=mode,
                account=account(),
                gate_report_sha256=gate_report_sha256,
            )
            stream.seek(len(whole.encode()))
            stream.truncate()
            stream.write(next_line(whole, asdict(entry)))
            stream.flush()
            os.fsync(stream.fileno())
        return entry

    def _sealed(self) -> Iterator[tuple[LedgerEntry, str]]:
        if not self.path.exists():
            return iter(())
        return _read(whole_lines(self.path.read_text("utf-8")), self.path)


def _last_champion(entries: Iterable[LedgerEntry]) -> int | None:
    crowned = [entry.version for entry in entries if entry.crowns]
    return crowned[-1] if crowned else None


def _stamp(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def _read(whole: str, path: Path) -> Iterator[tuple[LedgerEntry, str]]:
    lines = read_chain(whole, path)
    return iter([(_entry(line, n, path), line.sha256) for n, line in enumerate(lines, start=1)])


def _entry(line: ChainedLine, number: int, path: Path) -> LedgerEntry:
    try:
        return LedgerEntry(**{**line.fields, "failed": tuple(line.fields.get("failed", ()))})
    except TypeError as error:
        raise not_an_entry(number, path) from error


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("a+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        yield stream
