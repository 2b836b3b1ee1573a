"""A panel on each database."""

from __future__ import annotations

import pytest

from features.schema import IndicatorFrame
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.serving.reviewing.panel_room import Room, some
from training.bundle import Bundle


@pytest.fixture
def room(database: Database, served_bundle: Bundle, frame: IndicatorFrame) -> Room:
    """A graded store on each engine, and a panel."""
    made = Room(database, served_bundle, some(frame))
    made.batch()
    return made


@pytest.fixture
def lite(tmp_path: object, served_bundle: Bundle, frame: IndicatorFrame) -> Room:
    """A graded store in a file, for what does not depend on the engine."""
    store = blank_store(f"sqlite:///{tmp_path}/lite.db")
    made = Room(store, served_bundle, some(frame))
    made.batch()
    return made
