"""People of a house, and a service that takes their word for who they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.access import GRANTS, Principal, Role
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from training.bundle import Bundle


def person(name: str, *roles: Role) -> Principal:
    permissions = frozenset().union(*(GRANTS[role] for role in roles))
    return Principal(f"person:{name}", "person", frozenset(roles), permissions)


ANALYST = person("an", Role.ANALYST)
MANAGER = person("ma", Role.APPROVER)
COMPLIANCE = person("co", Role.COMPLIANCE)
BOTH = person("bo", Role.APPROVER, Role.COMPLIANCE)
EXPERT = person("ex", Role.EXPERT)
ADMIN = person("ad", Role.ADMIN)
PEOPLE = {
    who.id.removeprefix("person:"): who
    for who in (ANALYST, MANAGER, COMPLIANCE, BOTH, EXPERT, ADMIN)
}


class TakenAtTheirWord:
    """ASGI wrapper: the principal that a header names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            named = dict(scope["headers"]).get(b"x-who", b"").decode()
            if named in PEOPLE:
                scope.setdefault("state", {})["principal"] = PEOPLE[named]
        await self._app(scope, receive, send)


@pytest.fixture
def own_settings(
    tmp_path: Path, settings: Settings, served_bundle: Bundle, frame: IndicatorFrame
) -> Settings:
    """A service's settings over a graded store of its own."""
    mine = settings.model_copy(update={"home": tmp_path})
    store = blank_store(mine.database)
    run_batch(served_bundle, frame, store)
    store.dispose()
    return mine


@pytest.fixture
def store(own_settings: Settings) -> Iterator[Database]:
    opened = Database(own_settings.database)
    yield opened
    opened.dispose()


@pytest.fixture
def house(own_settings: Settings) -> Iterator[TestClient]:
    """A client of the service; the header ``X-Who`` says who asks."""
    application = create_app(own_settings)
    with TestClient(TakenAtTheirWord(application), raise_server_exceptions=False) as opened:
        opened.app_state = application.state  # type: ignore[attr-defined]
        yield opened
    application.state.database.dispose()
