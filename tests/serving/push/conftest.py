"""A store with its schema, a receiver, and things that happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from serving.audit import record
from serving.domain.event import Happening
from serving.domain.push import Webhook
from serving.push.delivering import Deliverer
from serving.push.installation import rules_of, source_of
from serving.push.keys import PushKey, load_key
from serving.push.schedule import Schedule
from serving.push.subscribing import Subscriptions, Wish
from serving.settings import PushSettings, Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.push.receiver import Receiver

T0 = datetime(2024, 7, 1, 2)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    push = PushSettings(retries=(10, 20, 40), timeout=2.0)
    return Settings(home=tmp_path, world="small", environment="development", push=push)


@pytest.fixture
def store(own: Settings) -> Iterator[Database]:
    opened = blank_store(own.database)
    yield opened
    opened.dispose()


@pytest.fixture
def key(own: Settings) -> PushKey:
    return load_key(own)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver().start()
    yield started
    started.stop()


Subscribe = Callable[..., tuple[Webhook, str]]


@pytest.fixture
def subscribe(store: Database, own: Settings, key: PushKey) -> Subscribe:
    def subscribe(url: str, *types: str) -> tuple[Webhook, str]:
        wish = Wish(url, types or ("alert.*", "tier.*"))
        return Subscriptions(store, own, "test", T0).create(wish, key)

    return subscribe


Happen = Callable[..., None]


@pytest.fixture
def happen(store: Database) -> Happen:
    """Let customers' tiers change, in one transaction; the numbers count up."""
    numbers = iter(range(1, 1_000_000))

    def happen(*customers: str, at: datetime = T0) -> None:
        moves = [
            Happening(
                "tier.changed",
                f"customer:{customer}",
                {"customer_id": customer, "from": "core", "to": "strategic", "note": "secret"},
            )
            for customer in customers
        ]
        next(numbers)
        with store.write() as session:
            record(session, moves, at=at, actor="person:somebody")

    return happen


@pytest.fixture
def worker(store: Database, own: Settings, key: PushKey, clock: Clock) -> Callable[[], Deliverer]:
    def worker() -> Deliverer:
        return Deliverer(
            store,
            own.push,
            key,
            rules_of(own),
            source_of(own),
            clock=clock,
            schedule=Schedule(own.push.retries, random=lambda: 0.5),
        )

    return worker
