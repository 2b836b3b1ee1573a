"""A tier that people gave is told of at every step; changed past the service it is found."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from serving.audit import verify
from serving.errors import AuditError
from serving.reviewing.overriding import revoke
from serving.sealing import verify_runs
from serving.store.audit_events import AuditEvents
from tests.serving.reviewing.panel_room import Room

CHANGES = (
    "UPDATE grade_override SET tier_id = model_tier_id",
    "UPDATE grade_override SET reason = 'x'",
    'UPDATE grade_override SET texts = \'{"en": "x"}\'',
    "UPDATE grade_override SET expires_at = '2099-01-01 00:00:00.000000'",
    "UPDATE grade_override SET ended_at = decided_at",
    "UPDATE grade_override SET customer_id = 'somebody'",
    "DELETE FROM grade_override",
)


@pytest.mark.parametrize("statement", CHANGES)
def test_an_override_changed_past_the_service_is_found(room: Room, statement: str) -> None:
    case = room.middling()
    room.settle(case, room.tier(case, -1))
    with room.database.read() as session:
        verify(session)
        verify_runs(session)
    with room.database.write() as session:
        session.execute(text(statement))
    with room.database.read() as session, pytest.raises(AuditError) as caught:
        verify_runs(session)
    assert any("override" in each for each in caught.value.context["wrong"])


def test_an_override_that_ended_by_the_service_stands_as_recorded(room: Room) -> None:
    case = room.middling()
    room.settle(case, room.tier(case, 1))
    revoke(room.database, case.case_id, room.who("chair"), "Booked back.")
    with room.database.read() as session:
        assert verify(session).size > 0
        verify_runs(session)
        ended = [e for e in AuditEvents(session).all() if e.action == "override.revoked"]
    assert len(ended) == 1
