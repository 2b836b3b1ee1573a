"""What runs do to the queue: renew, withdraw, keep what somebody claimed, escalate what is late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.schema import IndicatorFrame
from serving.domain.case import CaseStatus
from serving.reviewing.queue import QueueRenewal
from tests.serving.reviewing.panel_room import Room
from tiering.panel.policy_file import packaged_panel


def without(frame: IndicatorFrame, *customers: str) -> IndicatorFrame:
    kept = ~np.isin(frame.customer_id, customers)
    return replace(frame, customer_id=frame.customer_id[kept], values=frame.values[kept])


def test_a_claimed_case_stays_with_the_grade_it_is_about(room: Room) -> None:
    """A run renews and withdraws what nobody has taken on, and nothing else."""
    first, second, third, *_ = room.cases()
    claimed, gone = room.claim(first), room.claim(second)
    room.wait(days=1)
    result = room.batch(without(room.frame, second.customer_id, third.customer_id))
    assert room.case(first.case_id) == claimed
    assert room.case(second.case_id) == gone
    assert room.case(third.case_id).status is CaseStatus.WITHDRAWN
    assert result.withdrawn == 1
    assert result.kept == len(room.cases())
    renewed = room.cases()[-1]
    assert renewed.run_id == result.run.run_id
    assert renewed.version == 2
    event = room.trail(f"case:{second.case_id}")[-1]
    assert (event.action, event.payload["why"]) == ("case.kept", "no_longer_referred")
    assert room.trail(f"case:{first.case_id}")[-1].action == "case.claimed"


def test_a_claimed_case_that_is_late_goes_to_the_level_above(room: Room) -> None:
    """#95: a quorum that is not reached by the due date is settled above; open ones are late."""
    first, second, *_ = room.cases()
    room.claim(first)
    room.wait(days=9)
    room.batch()
    above = room.case(first.case_id)
    assert (above.status, above.level) == (CaseStatus.OPEN, 1)
    assert above.due_at > room.now
    event = room.trail(f"case:{first.case_id}")[-1]
    assert (event.action, event.payload["why"]) == ("case.escalated", "late")
    late = room.case(second.case_id)
    assert (late.status, late.level) == (CaseStatus.OPEN, 0)
    assert late.is_late(room.now)
    # At the last level it is only late.
    room.claim(first, "chair")
    room.wait(days=9)
    room.batch()
    assert room.case(first.case_id).status is CaseStatus.CLAIMED


def test_parts_of_any_size_come_to_the_same(lite: Room) -> None:
    """The queue can be renewed while grades stream by."""
    grades = [lite.grade(str(customer)) for customer in lite.frame.customer_id]
    seen = []
    for size in (1, 7, 1_000):
        with lite.database.write() as session:
            renewal = QueueRenewal(session, lite.now, packaged_panel())
            for start in range(0, len(grades), size):
                renewal.see(grades[start : start + size])
            renewal.finish("test")
            changes = renewal.changes
            session.rollback()
        seen.append((changes.opened, changes.kept, changes.withdrawn, changes.rested))
    assert len(set(seen)) == 1
    assert seen[0][1] == sum(grade.referred for grade in grades)
