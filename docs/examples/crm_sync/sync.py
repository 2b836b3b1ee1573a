"""Bring grades into a CRM: upsert by external id, in batches, resumable at any moment.

    python docs/examples/crm_sync/sync.py --tierwise http://127.0.0.1:8000 \
        --crm http://127.0.0.1:9000 --state crm-sync.db

The CRM side speaks as Salesforce's sObject Collections do (at most 200 records a request, each
with its own success or errors). What was confirmed is kept in a SQLite file, so that only what
changed is sent, a kill loses nothing, and a repetition changes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tierwise_client.client import Client
from tierwise_client.schemas import Grade

BATCH = 200
"""Records of a request; the CRM takes no more."""
ATTEMPTS = 6
OBJECT, EXTERNAL_ID = "Account", "Tierwise_Id__c"
UPSERT = f"/services/data/v61.0/composite/sobjects/{OBJECT}/{EXTERNAL_ID}"
PASSING = frozenset({"UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE"})
"""Errors of a record that pass by themselves."""

Record = dict[str, Any]


def record_of(grade: Grade) -> Record:
    """Return a customer as the CRM keeps it."""
    return {
        "attributes": {"type": OBJECT},
        EXTERNAL_ID: grade.customer_id,
        "Tier__c": grade.tier.id,
        "Tier_Label__c": grade.tier.label.en,
        "Tier_Label_zh__c": grade.tier.label.zh_cn,
        "Score__c": round(grade.score, 2),
        "Churn_Probability__c": grade.churn.probability,
        "Lifetime_Value__c": grade.ltv.value,
        "Under_Review__c": grade.referral.referred,
        "Graded_As_Of__c": grade.as_of.isoformat(),
        "Grade_Status__c": "graded",
    }


def withdrawn(customer_id: str) -> Record:
    """Return a customer who has no grade any more: the account stays, its tier goes."""
    empty = ("Tier__c", "Tier_Label__c", "Tier_Label_zh__c", "Score__c", "Churn_Probability__c")
    return {
        "attributes": {"type": OBJECT},
        EXTERNAL_ID: customer_id,
        **dict.fromkeys((*empty, "Lifetime_Value__c")),
        "Under_Review__c": False,
        "Grade_Status__c": "withdrawn",
    }


def digest_of(record: Mapping[str, Any]) -> str:
    """Return what tells whether a record changed; the day of the grade alone is no change."""
    told = {name: value for name, value in record.items() if name != "Graded_As_Of__c"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


class State:
    """What the CRM has confirmed, and how far the present run is; one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE IF NOT EXISTS sent "
            "(customer_id TEXT PRIMARY KEY, digest TEXT NOT NULL, run_id TEXT NOT NULL);"
            "CREATE TABLE IF NOT EXISTS progress "
            "(only INTEGER PRIMARY KEY CHECK (only = 1), run_id TEXT, cursor TEXT);"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def cursor(self) -> tuple[str | None, str | None]:
        """Return the run that was begun and not finished, and the next page's cursor."""
        row = self._file.execute("SELECT run_id, cursor FROM progress").fetchone()
        return (row[0], row[1]) if row else (None, None)

    def known(self, customer_ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of what was confirmed for some customers."""
        marks = ",".join("?" * len(customer_ids))
        rows = self._file.execute(
            f"SELECT customer_id, digest FROM sent WHERE customer_id IN ({marks})", customer_ids
        )
        return dict(rows.fetchall())

    def page_done(
        self, run_id: str, cursor: str | None, seen: Sequence[str], digests: Mapping[str, str]
    ) -> None:
        """Keep, in one transaction, that a page is in the CRM and where the next begins."""
        with self._file:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT INTO sent VALUES (?, ?, ?) "
                "ON CONFLICT (customer_id) DO UPDATE SET digest = excluded.digest",
                [(customer, digest, run_id) for customer, digest in digests.items()],
            )
            self._file.executemany(
                "UPDATE sent SET run_id = ? WHERE customer_id = ?",
                [(run_id, customer) for customer in seen],
            )
            self._file.execute("INSERT OR REPLACE INTO progress VALUES (1, ?, ?)", (run_id, cursor))

    def gone(self, run_id: str) -> list[str]:
        """Return customers of the CRM that the run does not have, the next `BATCH` of them."""
        rows = self._file.execute(
            "SELECT customer_id FROM sent WHERE run_id <> ? ORDER BY customer_id LIMIT ?",
            (run_id, BATCH),
        )
        return [row[0] for row in rows]

    def forget(self, customer_ids: Sequence[str]) -> None:
        """Keep that customers were withdrawn."""
        with self._file:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "DELETE FROM sent WHERE customer_id = ?", [(each,) for each in customer_ids]
            )

    def finished(self) -> None:
        """Keep that the run is in the CRM as a whole."""
        self._file.execute("DELETE FROM progress")


class Crm:
    """The CRM's upsert of collections."""

    def __init__(self, http: httpx.Client, wait: float = 0.5) -> None:
        self._http = http
        self._wait = wait

    def upsert(self, records: Sequence[Record]) -> tuple[list[str], dict[str, str]]:
        """Send at most `BATCH` records; return the ids confirmed and the errors of the others.

        Records whose error passes by itself are sent again, and only those.
        """
        confirmed: list[str] = []
        refused: dict[str, str] = {}
        left = list(records)
        for attempt in range(ATTEMPTS):
            if not left:
                break
            if attempt:
                time.sleep(self._wait * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            results = self._send(left)
            if results is None:
                continue
            again = []
            for record, result in zip(left, results, strict=True):
                codes = [error["statusCode"] for error in result["errors"]]
                if result["success"]:
                    confirmed.append(record[EXTERNAL_ID])
                elif set(codes) <= PASSING:
                    again.append(record)
                else:
                    refused[record[EXTERNAL_ID]] = ", ".join(codes)
            left = again
        return confirmed, refused | {each[EXTERNAL_ID]: "NO_ANSWER" for each in left}

    def _send(self, records: Sequence[Record]) -> list[dict[str, Any]] | None:
        """Return the result of each record; None if the CRM cannot be asked now."""
        body = {"allOrNone": False, "records": list(records)}
        try:
            answer = self._http.patch(UPSERT, json=body)
        except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError):
            return None
        if answer.status_code in (429, 500, 502, 503, 504):
            return None
        answer.raise_for_status()
        results: list[dict[str, Any]] = answer.json()
        return results


@dataclass
class Outcome:
    """What a synchronisation did."""

    run_id: str = ""
    sent: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def synchronise(grades: Client, crm: Crm, state: State) -> Outcome:
    """Bring the CRM to the served run, from where the last attempt stopped."""
    outcome = Outcome()
    for run_id, items, following in _pages(grades, state):
        outcome.run_id = run_id
        records = {each.customer_id: record_of(each) for each in items if each.customer_id}
        known = state.known(list(records))
        changed = {
            customer: record
            for customer, record in records.items()
            if known.get(customer) != digest_of(record)
        }
        confirmed, refused = crm.upsert(list(changed.values()))
        outcome.sent += len(confirmed)
        outcome.unchanged += len(records) - len(changed)
        outcome.refused |= refused
        digests = {customer: digest_of(changed[customer]) for customer in confirmed}
        state.page_done(run_id, following, list(records), digests)
    while customers := state.gone(outcome.run_id):
        confirmed, refused = crm.upsert([withdrawn(each) for each in customers])
        state.forget(confirmed)
        outcome.withdrawn += len(confirmed)
        outcome.refused |= refused
        if refused:
            break
    state.finished()
    return outcome


def _pages(grades: Client, state: State) -> Iterator[tuple[str, list[Grade], str | None]]:
    """Yield the pages that are still to do; all are of the run they were begun on."""
    cursor = state.cursor()[1]
    while True:
        page = grades.list_grades(limit=BATCH, cursor=cursor)
        yield page.run_id, page.items, page.cursor
        cursor = page.cursor
        if cursor is None:
            return


def main() -> int:
    """Synchronise once; run it after every batch, or from a timer."""
    told = argparse.ArgumentParser(description="Bring grades into a CRM.")
    told.add_argument("--tierwise", default="http://127.0.0.1:8000", help="address of Tierwise")
    told.add_argument("--crm", required=True, help="address of the CRM")
    told.add_argument("--state", type=Path, default=Path("crm-sync.db"), help="SQLite file")
    told.add_argument("--wait", type=float, default=0.5, help="seconds before the first retry")
    asked = told.parse_args()
    token = os.environ.get("CRM_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with (
        Client(asked.tierwise, os.environ.get("TIERWISE_API_KEY"), remembered=1000) as grades,
        httpx.Client(base_url=asked.crm, headers=headers, timeout=30) as http,
        closing(State(asked.state)) as state,
    ):
        outcome = synchronise(grades, Crm(http, asked.wait), state)
    sys.stdout.write(
        f"Run {outcome.run_id}: {outcome.sent} sent, {outcome.unchanged} unchanged, "
        f"{outcome.withdrawn} withdrawn, {len(outcome.refused)} refused.\n"
    )
    for customer, why in outcome.refused.items():
        sys.stderr.write(f"{customer}: {why}\n")
    return 1 if outcome.refused else 0


if __name__ == "__main__":
    sys.exit(main())
