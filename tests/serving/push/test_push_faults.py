"""What may go wrong while delivering, with real processes: nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from serving.domain.push import DeliveryState, Webhook
from serving.settings import Settings
from serving.store.deliveries import Deliveries
from serving.store.session import Database
from tests.processes import untraced
from tests.serving.push.conftest import Happen, Subscribe
from tests.serving.push.receiver import Received, Receiver, check_order, first_arrivals

pytestmark = pytest.mark.long

OUTAGE_S = float(os.environ.get("TIERWISE_TEST_OUTAGE_S", "4"))
"""How long receiver and store are away; `TIERWISE_TEST_OUTAGE_S=20` is the long test.

What waits for them is scaled with it: as many tries fall into the outage, and the store is locked
for longer than it is waited for, however long that is.
"""
_SCALE = OUTAGE_S / 20
SHORT = {
    "TIERWISE_PUSH_RETRIES": str([_SCALE * wait for wait in (1, 1, 2, 2, 4, 4, 8, 8, 8, 8)]),
    "TIERWISE_PUSH_TIMEOUT": "2",
}
WORKER = f"""
from serving.store import engines
engines.BUSY_MS = round(engines.BUSY_MS * {_SCALE})
from serving.push_cli import app
app()
"""


@contextmanager
def delivering(home: Path):
    """A worker as an operator runs it."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, "deliver", "small", "--home", str(home)],
        env=untraced() | SHORT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def all_delivered(store: Database, webhook: Webhook, count: int) -> bool:
    with store.read() as session:
        page = Deliveries(session).page(webhook.webhook_id, state=DeliveryState.DELIVERED, limit=1)
    return page.total == count


def test_kill_9_in_delivery_loses_nothing(
    own: Settings, store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    """#90: killed three times in the middle of requests; every message arrives, in order."""

    def answer(_request: Received) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.03)
        return 204, {}, b""

    receiver.answer = answer
    webhook, secret = subscribe(receiver.url)
    now = datetime.now(UTC).replace(tzinfo=None)
    for _ in range(10):
        happen(*(f"c-{number}" for number in range(30)), at=now)
    for part in (40, 110, 180):
        with delivering(own.home) as process:
            wait_for(lambda part=part: len(receiver.got) >= part)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    with delivering(own.home) as process:
        wait_for(lambda: all_delivered(store, webhook, 300))
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stdout is not None
        told = process.stdout.read()
    assert "arrived" in told
    assert secret not in told
    arrived = list(receiver.arrived)
    assert len(first_arrivals(arrived)) == 300
    assert len(arrived) <= 300 + 3 * own.push.at_once  # only what was under way came again
    check_order(arrived)
    assert len(set(receiver.verified(secret))) == 300


def test_a_receiver_that_was_down_gets_everything(
    own: Settings, store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    webhook, _ = subscribe(receiver.url)
    now = datetime.now(UTC).replace(tzinfo=None)
    happen(*(f"c-{number % 20}" for number in range(100)), at=now)
    receiver.stop()
    with delivering(own.home):
        time.sleep(OUTAGE_S)
        assert receiver.got == []
        receiver.start()
        wait_for(lambda: all_delivered(store, webhook, 100))
    assert len(first_arrivals(receiver.arrived)) == 100
    check_order(receiver.arrived)


def test_a_locked_store_delays_delivery_and_loses_nothing(
    own: Settings, store: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    """The store does not take a write for longer than the worker waits for it."""
    webhook, _ = subscribe(receiver.url)
    now = datetime.now(UTC).replace(tzinfo=None)
    happen(*(f"c-{number % 5}" for number in range(20)), at=now)
    held = threading.Event()

    def hold() -> None:
        with create_engine(own.database).connect() as connection:
            connection.execute(text("UPDATE webhook SET description = 'held'"))
            held.set()
            time.sleep(OUTAGE_S)
            connection.rollback()

    holder = threading.Thread(target=hold)
    with delivering(own.home) as process:
        wait_for(lambda: len(receiver.got) > 0)
        holder.start()
        held.wait(20)
        holder.join()
        assert process.poll() is None
        wait_for(lambda: all_delivered(store, webhook, 20))
    assert len(first_arrivals(receiver.arrived)) == 20
    check_order(receiver.arrived)


def test_a_slow_receiver_that_drips_is_given_up_on(
    own: Settings, store: Database, subscribe: Subscribe, happen: Happen
) -> None:
    """One byte a second would hold a connection forever, were only each read bounded."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                for byte in b"HTTP/1.1 204 No Content\r\n" * 4:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.5)
            except OSError:
                connection.close()

    threading.Thread(target=drip, daemon=True).start()
    webhook, _ = subscribe(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    happen("c-1", at=datetime.now(UTC).replace(tzinfo=None))

    def given_up() -> bool:
        with store.read() as session:
            (delivery,) = Deliveries(session).page(webhook.webhook_id).items
        return any(each.error == "timeout" for each in delivery.attempts)

    with delivering(own.home):
        wait_for(given_up, 20)
    listener.close()
    with store.read() as session:
        (delivery,) = Deliveries(session).page(webhook.webhook_id).items
    assert all(each.milliseconds < 4_000 for each in delivery.attempts)
