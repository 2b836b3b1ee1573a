"""What reviewers answered: which pairs of customers are one company, and which are not.

Answers are kept in ``answers.csv``, a ledger that is only ever added to. Of several answers to
one pair the latest counts; those that count must not contradict each other.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import ContractError, SourceNotFoundError
from features.parquet import atomic_path

SAME, DIFFERENT = "same", "different"
_WORDS = {"same": SAME, "different": DIFFERENT, "相同": SAME, "不同": DIFFERENT}
_FIELDS = ("customer_id_left", "customer_id_right", "answer", "who", "when")
_SHOWN = 5


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """One answer: ``left`` < ``right`` are customer ids, ``when`` is ISO 8601."""

    when: str
    left: str
    right: str
    answer: str
    who: str

    def __str__(self) -> str:
        return f"{self.left} and {self.right} are {self.answer} ({self.who}, {self.when})"


def read_answers(path: Path) -> list[Answer]:
    """Read answers; rows without an answer are left out.

    Parameters
    ----------
    path
        CSV (UTF-8) or Parquet with ``customer_id_left``, ``customer_id_right`` (or ``left``,
        ``right``), ``answer`` (``same`` or ``different``), ``who`` and ``when`` (a day or an
        instant, ISO 8601): the review list, filled in, is one.

    Raises
    ------
    SourceNotFoundError
        If it is not there.
    ContractError
        If it cannot be read, a column is missing, or a row is faulty; all such rows at once.
    """
    rows = _rows(path)
    answers, faults = [], []
    for number, row in enumerate(rows, start=2):  # as a spreadsheet counts, with the header
        told = {name: str(row.get(name) or "").strip() for name in _FIELDS}
        if not told["answer"]:
            continue
        fault = _fault(told)
        if fault:
            faults.append(f"row {number}: {fault}")
            continue
        left, right = sorted((told["customer_id_left"], told["customer_id_right"]))
        word = _WORDS[told["answer"].casefold()]
        answers.append(Answer(told["when"], left, right, word, told["who"]))
    if faults:
        raise ContractError(
            f"{path} has {len(faults)} faulty answers: {'; '.join(faults[:_SHOWN])}.",
            hint="Answer 'same' or 'different', with who and when (2026-01-31).",
            path=str(path),
            faults=faults[:_SHOWN],
        )
    return answers


def add_answers(ledger: Path, new: Iterable[Answer], known: Collection[str]) -> list[Answer]:
    """Add answers to the ledger, unless they are in it, and return all that it then holds.

    Parameters
    ----------
    ledger
        The file; it need not exist.
    new
        What to add.
    known
        All customer ids there are or ever were.

    Raises
    ------
    ContractError
        If a new answer names a customer that is not known, or the answers would contradict
        each other (see :func:`effective`); the ledger then stays as it was.
    """
    kept = read_answers(ledger) if ledger.exists() else []
    added = sorted(set(new) - set(kept))
    strange = sorted({c for a in added for c in (a.left, a.right)} - set(known))
    if strange:
        raise ContractError(
            f"{len(strange)} customers of the answers are unknown: {', '.join(strange[:_SHOWN])}.",
            hint="Use the ids of the review list.",
            customers=strange[:_SHOWN],
        )
    effective([*kept, *added])
    if added:
        with atomic_path(ledger) as part, part.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(_FIELDS)
            writer.writerows((a.left, a.right, a.answer, a.who, a.when) for a in [*kept, *added])
    return [*kept, *added]


def effective(answers: Iterable[Answer]) -> dict[tuple[str, str], str]:
    """Return the answer that counts for each pair: the latest.

    Raises
    ------
    ContractError
        If the latest answers to a pair are of one moment and differ, or two customers are
        different though others, each the same as the next, connect them. All are listed.
    """
    latest: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in sorted(set(answers), key=lambda a: (_moment(a.when), a)):
        told = latest[answer.left, answer.right]
        if told and _moment(told[0].when) < _moment(answer.when):
            told.clear()
        told.append(answer)
    conflicts = [
        "; ".join(map(str, told)) for told in latest.values() if len({a.answer for a in told}) > 1
    ]
    if not conflicts:
        counted = {pair: told[0] for pair, told in latest.items()}
        conflicts = [
            "; ".join(map(str, [answer, *path]))
            for answer in counted.values()
            if answer.answer == DIFFERENT and (path := _path(answer, counted))
        ]
    if conflicts:
        raise ContractError(
            f"{len(conflicts)} answers contradict others: {' | '.join(conflicts[:_SHOWN])}.",
            hint="Answer one of each again, with a later 'when': the latest answer counts.",
            conflicts=conflicts[:_SHOWN],
        )
    return {pair: told[0].answer for pair, told in sorted(latest.items())}


def constraints(
    answers: Mapping[tuple[str, str], str], position: Mapping[str, int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return what the answers mean for the customers there are, as pairs of positions.

    Parameters
    ----------
    answers
        As :func:`effective` returns them.
    position
        Of each customer that is there. One that is gone still connects others.

    Returns
    -------
    tuple
        The pairs that are the same, and those that are different.
    """
    group: dict[str, list[str]] = {}
    for (left, right), answer in answers.items():
        first, second = group.setdefault(left, [left]), group.setdefault(right, [right])
        if answer == SAME and first is not second:
            first += second
            for customer in second:
                group[customer] = first
    here = {
        c: [position[m] for m in sorted(members) if m in position] for c, members in group.items()
    }
    same: set[tuple[int, int]] = set()
    different: set[tuple[int, int]] = set()
    for (left, right), answer in answers.items():
        if answer == SAME:
            same |= {(here[left][0], other) for other in here[left][1:]}
        elif here[left] and here[right]:
            one, other = here[left][0], here[right][0]
            different.add((min(one, other), max(one, other)))
    return sorted(same), sorted(different)


def _path(different: Answer, counted: Mapping[tuple[str, str], Answer]) -> Sequence[Answer]:
    """Return the shortest chain of "same" between the two customers; empty if there is none."""
    beside: dict[str, list[tuple[str, Answer]]] = defaultdict(list)
    for answer in counted.values():
        if answer.answer == SAME:
            beside[answer.left].append((answer.right, answer))
            beside[answer.right].append((answer.left, answer))
    queue: deque[tuple[str, tuple[Answer, ...]]] = deque([(different.left, ())])
    seen = {different.left}
    while queue:
        customer, path = queue.popleft()
        if customer == different.right:
            return path
        for other, answer in sorted(beside[customer]):
            if other not in seen:
                seen.add(other)
                queue.append((other, (*path, answer)))
    return ()


def _fault(told: Mapping[str, str]) -> str:
    if told["answer"].casefold() not in _WORDS:
        return f"{told['answer']!r} is no answer"
    if not (told["customer_id_left"] and told["customer_id_right"]):
        return "a customer id is missing"
    if told["customer_id_left"] == told["customer_id_right"]:
        return f"{told['customer_id_left']} is compared with itself"
    if not told["who"]:
        return "who answered is missing"
    try:
        _moment(told["when"])
    except ValueError:
        return f"{told['when']!r} is no day or instant" if told["when"] else "when is missing"
    return ""


def _moment(text: str) -> float:
    """Return the seconds since 1970 of a day or instant; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else datetime.fromisoformat(f"{moment}+00:00")).timestamp()


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise SourceNotFoundError(
            f"The answers {path} are not there.",
            hint="Name a CSV or Parquet file, for instance the review list with your answers.",
            path=str(path),
        )
    try:
        if path.suffix.lower() == ".parquet":
            table = pq.read_table(path)
            given, rows = table.column_names, table.to_pylist()
        else:
            reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
            rows, given = list(reader), list(reader.fieldnames or ())
    except (pa.ArrowInvalid, UnicodeError, csv.Error) as error:
        raise ContractError(
            f"{path} cannot be read: {str(error).splitlines()[0]}",
            hint="Save it as Parquet, or as CSV in UTF-8 with commas.",
            path=str(path),
        ) from error
    short = {"left": "customer_id_left", "right": "customer_id_right"}
    missing = sorted(set(_FIELDS) - {short.get(name, name) for name in given})
    if missing:
        raise ContractError(
            f"{path} has no column {', '.join(missing)}.",
            hint=f"It has: {', '.join(given)}.",
            path=str(path),
            missing=missing,
        )
    return [{short.get(str(k), k): v for k, v in row.items()} for row in rows]
