"""Two at once: exactly one does it, on both databases, with real threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from features.errors import TierwiseError
from serving.domain.case import ReviewCase
from serving.domain.event import Happening
from serving.errors import ConflictError
from serving.problems import status_of
from serving.reviewing import steps
from serving.reviewing.appealing import Complaint, file_appeal
from serving.reviewing.overriding import revoke
from serving.reviewing.stepping import take_step
from serving.store.reviews import Reviews
from serving.store.session import Session
from tests.serving.reviewing.panel_room import SEATS, THREE, Room


def race(*acts: Callable[[], object]) -> Counter[str]:
    """Do things at the same moment and count how they went: ``done``, or the status."""
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> str:
        start.wait()
        try:
            act()
        except TierwiseError as error:
            return str(status_of(error))
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


def test_of_many_who_claim_one_does(room: Room) -> None:
    for case in room.cases()[:4]:
        acts = [lambda name=f"p{i}", case=case: room.claim(case, name) for i in range(6)]
        assert race(*acts) == {"done": 1, "409": 5}
        claims = [e for e in room.trail(f"case:{case.case_id}") if e.action == "case.claimed"]
        assert [e.actor for e in claims] == [room.case(case.case_id).claimed_by]


def test_one_vote_of_one_voter_counts(room: Room) -> None:
    case = room.claim(room.middling())
    tiers = [room.tier(case, n) for n in (-1, 0, 1)]
    acts = [lambda tier=tier: room.vote(case, "sales", tier) for tier in tiers]
    assert race(*acts) == {"done": 1, "409": 2}
    with room.database.read() as session:
        assert len(Reviews(session).votes(case.case_id)) == 1


def test_the_last_place_of_a_panel_is_taken_once(room: Room) -> None:
    case = room.middling()
    steps.escalate(room.database, case.case_id, room.who("sales"), "Why not.", room.policy)
    room.claim(case, "chair")
    SEATS.update({"first": "chair", "second": "chair"})
    acts = [lambda n=n: room.vote(case, n, room.tier(case)) for n in ("first", "second")]
    assert race(*acts) == {"done": 1, "409": 1}


def test_voters_of_a_panel_do_not_get_in_each_others_way(room: Room) -> None:
    case = room.claim(room.middling())
    acts = [lambda name=name: room.vote(case, name, room.tier(case)) for name in THREE]
    assert race(*acts) == {"done": 3}
    assert room.decide(case).version == 6


def test_two_who_decide_at_once_grant_one_override(room: Room) -> None:
    """Two approvers racing: one decision, one override, one event of each."""
    case = room.claim(room.middling())
    for name in THREE:
        room.vote(case, name, room.tier(case, 1))
    assert race(*[lambda name=name: room.decide(case, name) for name in THREE]) == {
        "done": 1,
        "409": 2,
    }
    actions = Counter(e.action for e in room.trail(f"case:{case.case_id}"))
    assert actions["review.decided"] == 1
    assert len(room.trail(f"override:{case.case_id}")) == 1
    acts = [lambda n=n: room.close(case, n) for n in ("chair", "expert")]
    assert race(*acts) == {"done": 1, "409": 1}


def test_a_decision_on_what_was_read_before_is_refused(room: Room) -> None:
    """A vote that comes in between makes the decision stale, not wrong."""
    case = room.claim(room.middling())
    seen = frozenset({case.version})
    room.vote(case, "sales", room.tier(case))
    acts = [
        lambda n=n: steps.escalate(
            room.database, case.case_id, room.who(n, seen), "Late.", room.policy
        )
        for n in ("a", "b")
    ]
    assert race(*acts) == {"412": 2}


def test_two_appeals_at_once_are_one(room: Room) -> None:
    case = room.middling()
    said = Complaint(case.customer_id, "Why?")
    acts = [
        lambda n=n: file_appeal(room.database, said, room.who(n), room.policy) for n in ("a", "b")
    ]
    assert race(*acts) == {"done": 1, "409": 1}
    assert sum(c.customer_id == case.customer_id for c in room.cases()) == 1


def test_an_override_is_revoked_once(room: Room) -> None:
    case = room.middling()
    room.settle(case, room.tier(case, 1))
    acts = [
        lambda n=n: revoke(room.database, case.case_id, room.who(n), "x") for n in ("chair", "b")
    ]
    assert race(*acts) == {"done": 1, "409": 1}


def test_a_step_on_a_version_that_went_by_changes_nothing(lite: Room) -> None:
    """What no lock should let happen is refused all the same."""
    case = lite.middling()

    def late(session: Session, found: ReviewCase) -> tuple[ReviewCase, list[Happening]]:
        assert Reviews(session).step(replace(found, version=99), case.version)
        return found, []

    with pytest.raises(ConflictError, match="at the same moment"):
        take_step(lite.database, case.case_id, lite.who("x"), late)
    assert lite.case(case.case_id) == case
