"""A small CRM to try the synchronisation on: Salesforce's upsert of collections, in memory.

    python docs/examples/crm_sync/fake_crm.py 9000

Every seventh new record is locked the first time, as rows of a busy CRM are.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/services/data/v61.0/composite/sobjects/"
LARGEST = 200
Fault = Callable[[dict[str, Any], int], "str | None"]


class Accounts:
    """The accounts, by external id.

    Parameters
    ----------
    fault
        Given a record and how often it was sent, returns the code of the error to answer with.
    outages
        Requests to answer with 503, by their number from 1.
    delay
        Seconds a request takes.
    """

    def __init__(
        self,
        fault: Fault = lambda record, times: None,
        outages: frozenset[int] = frozenset(),
        delay: float = 0.0,
    ) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.times: dict[str, int] = {}
        self.requests = 0
        self._fault, self._outages, self._delay = fault, outages, delay
        self._lock = threading.Lock()

    def upsert(self, field: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Answer one request."""
        time.sleep(self._delay)
        with self._lock:
            self.requests += 1
            if self.requests in self._outages:
                return 503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "later"}]
            records = body["records"]
            if len(records) > LARGEST:
                return 400, [{"errorCode": "EXCEEDED_MAX_RECORDS", "message": "at most 200"}]
            return 200, [self._one(field, record) for record in records]

    def _one(self, field: str, record: dict[str, Any]) -> dict[str, Any]:
        key = record[field]
        self.times[key] = self.times.get(key, 0) + 1
        code = self._fault(record, self.times[key])
        if code is not None:
            error = {"statusCode": code, "message": code.lower(), "fields": []}
            return {"success": False, "errors": [error]}
        created = key not in self.kept
        plain = {name: value for name, value in record.items() if name != "attributes"}
        self.kept[key] = self.kept.get(key, {}) | plain
        return {"id": f"001{key}", "success": True, "created": created, "errors": []}


def serve(accounts: Accounts, port: int = 0) -> ThreadingHTTPServer:
    """Return a server on the loopback, not yet running; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        """Answers PATCH."""

        protocol_version = "HTTP/1.1"

        def do_PATCH(self) -> None:
            """Upsert a collection."""
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length))
            field = self.path.removeprefix(PREFIX).partition("/")[2]
            status, answer = accounts.upsert(field, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _locked_at_first(record: dict[str, Any], times: int) -> str | None:
    unlucky = sum(map(ord, str(record.get("Tierwise_Id__c")))) % 7 == 0
    return "UNABLE_TO_LOCK_ROW" if unlucky and times == 1 else None


if __name__ == "__main__":
    serve(
        Accounts(_locked_at_first), int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    ).serve_forever()
