"""SIGKILL in the middle of promoting a canary, beside a service that is asked all the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import httpx2

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.archive import BundleArchive
from serving.audit import verify
from serving.batch import run_batch
from serving.canary.standing import Deciding, start
from serving.sealing import verify_runs
from serving.settings import Settings
from serving.sides import Tried
from serving.store.audit_events import AuditEvents
from serving.store.canaries import Canaries
from serving.store.session import Database
from tests.processes import untraced
from tests.serving.canary.conftest import MODEL
from tests.serving.loopback import running
from tierwise import canary
from training.bundle import Bundle
from training.registry.location import open_registry

PROMOTING = Path(__file__).with_name("promoting.py")


@contextmanager
def promoting(home: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that promotes and kills at a stage; MLflow comes in the background."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(PROMOTING), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=untraced(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, told = process.stdin, process.stdout

        def killed(stage: str) -> None:
            given.write(f"{stage}\n")
            given.flush()
            lines = iter(told.readline, "gone\n")
            there = next(line for line in lines if line.strip().isdigit())
            os.kill(int(there), signal.SIGKILL)
            assert list(lines) == []

        try:
            yield killed
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


class Asking:
    """Two callers that never rest: of one customer the stored grade, of another a what-if."""

    def __init__(self, address: str, customer: str) -> None:
        self.answered, self.failed = Counter[tuple[str, int, str]](), list[str]()
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(address, *request))
            for request in (
                ("GET", f"/v1/grades/{customer}", None),
                ("POST", "/v1/grades:simulate", {"customer_id": customer}),
            )
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, address: str, method: str, path: str, body: dict[str, str] | None) -> None:
        with httpx2.Client(base_url=address) as client:
            while not self._done.wait(0.05):
                try:
                    answer = client.request(method, path, json=body)
                    told = answer.json()
                    model = told.get("grade", told).get("model", {}).get("version", "")
                    self.answered[method, answer.status_code, model] += 1
                except Exception as error:
                    self.failed.append(repr(error))

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def test_a_promotion_of_the_canary_killed_twice_beside_a_service_costs_nothing(
    own_home: Path, second: Bundle, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    settings = Settings(home=own_home, world="small", environment="test")
    store = Database(settings.database)
    store.upgrade()
    champion = Bundle.load(settings.bundle)
    second.with_version("2").save(own_home / "second")
    BundleArchive(settings.archive).keep(own_home / "second", second.digest)
    who = Deciding("ann", datetime(2026, 1, 5), "a trial")
    tried = Tried(start(store, second.with_version("2"), 5_000, who, "s"), second.with_version("2"))
    run = run_batch(champion, frame, store, canary=tried).run
    customer = next(c for c in frame.customer_id.tolist() if not tried.plan.takes(c))
    registry = open_registry(own_home)
    application = create_app(settings)
    with ExitStack() as stack:
        killed = stack.enter_context(promoting(own_home))
        address = stack.enter_context(running(application, lifespan="on"))
        asking = Asking(address, customer)
        stack.callback(asking.end)

        killed("crowned")
        crowned = registry.champion(MODEL)
        assert crowned is not None
        assert crowned.version == 2, "by the ledger"
        assert Bundle.load(settings.bundle).digest == champion.digest, "not by the folder"
        assert standing_in(store), "the canary goes on"
        assert httpx2.get(f"{address}/readyz").status_code == 200

        killed("brought")
        assert Bundle.load(settings.bundle).digest == second.digest, "brought by the next"
        assert standing_in(store), "but not told yet"
        wait_for(lambda: asking.answered["POST", 200, "2"] > 0)
        assert httpx2.get(f"{address}/readyz").status_code == 200

        canary.promote("small", own_home, by="ann", reason="no worse")
        assert not standing_in(store)
    assert asking.failed == []
    assert {status for _, status, _ in asking.answered} == {200}
    # What is stored stays the champion's of then; what-ifs were the old one's, then the new one's.
    assert {version for method, _, version in asking.answered if method == "GET"} == {"1"}
    assert {version for method, _, version in asking.answered if method == "POST"} == {"1", "2"}
    assert [entry.action for entry in registry.ledger.entries(MODEL)] == ["promote", "promote"]
    with store.read() as session:
        told = [e.action for e in AuditEvents(session).all() if e.action.startswith("canary.")]
        assert told == ["canary.started", "canary.promoted"], "each once"
        assert verify_runs(session).grades == run.customers
        verify(session)
    application.state.database.dispose()
    store.dispose()


def standing_in(store: Database) -> bool:
    with store.read() as session:
        return Canaries(session).standing() is not None
