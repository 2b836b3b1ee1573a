"""Appeals: filed for a customer, answered by others, in five working days, in words (#95, #96)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from serving.domain.appeal import Appeal, AppealOutcome, outcome_of
from serving.domain.case import CaseKind, CaseStatus, ReviewCase
from serving.errors import (
    ConflictError,
    CustomerNotFoundError,
    FourEyesError,
    InvalidRequestError,
    NotReadyError,
)
from serving.reviewing.appealing import Complaint, file_appeal
from serving.reviewing.closing import close
from serving.reviewing.figures import review_figures
from serving.store.appeals import Appeals
from serving.store.overrides import Overrides
from serving.store.session import Database
from tests.serving.reviewing.panel_room import SEATS, Room
from tiering.errors import TransitionError

OTHERS = {"anna": "sales_director", "bo": "product_manager", "cui": "marketing_director"}


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three more people, who sit where the first three do."""
    for name, seat in OTHERS.items():
        monkeypatch.setitem(SEATS, name, seat)


def appeal_of(room: Room, customer_id: str, wanted: str | None = None) -> tuple[Appeal, ReviewCase]:
    said = Complaint(customer_id, "Only one subsidiary is counted.", ("Annex B",), wanted)
    return file_appeal(room.database, said, room.who("crm"), room.policy)


def answer(room: Room, case: ReviewCase, tier_id: str) -> Appeal:
    room.claim(case, "anna")
    for name in OTHERS:
        room.vote(case, name, tier_id)
    room.decide(case, "anna")
    room.close(case, "bo")
    with room.database.read() as session:
        found = Appeals(session).of_case(case.case_id)
    assert found is not None
    return found


def test_an_appeal_against_a_decision_is_answered_by_others(room: Room) -> None:
    """#95: five working days, others than those who decided; #96: concrete, with a plan."""
    case = room.middling()
    room.close(room.settle(case, room.tier(case)))
    room.wait(days=1)
    appeal, answering = appeal_of(room, case.customer_id)
    assert answering.kind is CaseKind.APPEAL
    assert answering.due_at == datetime(2024, 7, 9, 2)
    assert appeal.contested_case_id == case.case_id
    assert appeal.wanted_tier_id == room.tier(case, -1)
    assert room.case(case.case_id).status is CaseStatus.APPEALED
    with pytest.raises(ConflictError, match="is waiting"):
        appeal_of(room, case.customer_id)
    for name in ("sales", "product", "crm"):
        with pytest.raises(FourEyesError):
            room.claim(answering, name)
    room.claim(answering, "anna")
    with pytest.raises(FourEyesError, match="had a part in what is appealed"):
        room.vote(answering, "market", room.tier(case))
    for name in OTHERS:
        room.vote(answering, name, room.tier(case, -1))
    room.decide(answering, "anna")
    for name in ("sales", "anna", "crm"):
        with pytest.raises(FourEyesError):
            room.close(answering, name)
    room.close(answering, "bo")
    with room.database.read() as session:
        done = Appeals(session).get(appeal.appeal_id)
        told = review_figures(session, room.now, room.now)
        held = Overrides(session).in_force([case.customer_id], room.now)
    assert done is not None
    assert (done.outcome, done.answered_by) == (AppealOutcome.UPHELD, "person:bo")
    assert held[case.customer_id].tier_id == room.tier(case, -1)
    assert (told.appeals_answered, told.upheld, told.answered_in_time) == (1, 1, 1.0)
    events = room.trail(f"appeal:{appeal.appeal_id}")
    assert [e.action for e in events] == ["appeal.filed", "appeal.answered"]
    assert events[-1].payload["in_time"] is True
    with pytest.raises((TransitionError, InvalidRequestError), match=r"answered|best tier"):
        appeal_of(room, case.customer_id)


def test_the_answer_has_a_concrete_reason_and_a_plan_in_both_languages(lite: Room) -> None:
    """#96: outcome, the panel's reason, what weighs against, and what would lift the tier."""
    case = lite.middling()
    _, answering = appeal_of(lite, case.customer_id)
    done = answer(lite, answering, lite.tier(case))
    assert done.outcome is AppealOutcome.REJECTED
    assert done.answer is not None
    english, chinese = done.answer["en"], done.answer["zh-CN"]
    assert len(english) == len(chinese)
    assert english[0].startswith("Your appeal was examined by people who had no part")
    assert english[1] == "Their reason: A one-off event distorts the figures. A one-off return."
    assert chinese[1] == "理由：一次性事件导致数据失真。一次性退货。"
    assert "What would lift it:" in english
    assert english.index("What would lift it:") < len(english) - 2
    assert (english[-1], chinese[-1]) == ("Thank you.", "谢谢。")


def test_a_promise_by_another_model_is_left_out(lite: Room) -> None:
    case = lite.middling()
    _, answering = appeal_of(lite, case.customer_id)
    lite.bundle = lite.bundle.with_version("9")
    done = answer(lite, answering, lite.tier(case))
    assert done.answer is not None
    with_lift = "What would lift it:" in done.answer["en"]
    assert with_lift == (lite.bundle.digest == lite.grade(case.customer_id).basis.bundle_digest)


def test_without_a_model_there_is_an_answer_all_the_same(lite: Room) -> None:
    case = lite.middling()
    _, answering = appeal_of(lite, case.customer_id)
    lite.claim(answering, "anna")
    for name in OTHERS:
        lite.vote(answering, name, lite.tier(case, -1))
    lite.decide(answering, "anna")
    close(lite.database, answering.case_id, lite.who("bo"), lite.policy, None)
    with lite.database.read() as session:
        done = Appeals(session).of_case(answering.case_id)
    assert done is not None
    assert done.answer is not None
    assert "What would lift it:" not in done.answer["en"]
    assert any(sentence.startswith("This holds until") for sentence in done.answer["en"])


def test_a_referral_gives_way_to_an_appeal(lite: Room) -> None:
    """At most one live case of a customer; what was in progress is withdrawn, and said so."""
    first, *_ = (c for c in lite.cases() if lite.grade(c.customer_id).tier.index > 0)
    lite.claim(first)
    lite.vote(first, "sales", lite.tier(first))
    appeal, answering = appeal_of(lite, first.customer_id)
    assert lite.case(first.case_id).status is CaseStatus.WITHDRAWN
    assert appeal.contested_case_id is None
    event = lite.trail(f"case:{first.case_id}")[-1]
    assert (event.action, event.payload["why"]) == ("case.withdrawn", "superseded_by_appeal")
    # Nothing was decided, so its voters may answer.
    lite.claim(answering, "sales")
    # A run neither renews nor withdraws an appeal.
    lite.wait(days=1)
    lite.batch()
    assert lite.case(answering.case_id).grade_id == first.grade_id


def test_the_time_to_appeal_ends(lite: Room) -> None:
    case = lite.middling()
    lite.settle(case, lite.tier(case))
    lite.wait(days=31)
    with pytest.raises(TransitionError, match="ended on 2024-07-31"):
        appeal_of(lite, case.customer_id)
    # When the decision no longer holds, the grade is a new one.
    lite.wait(days=60)
    appeal, _ = appeal_of(lite, case.customer_id)
    assert appeal.contested_case_id is None


def test_an_answer_that_holds_is_final(lite: Room) -> None:
    case = lite.middling()
    _, answering = appeal_of(lite, case.customer_id)
    answer(lite, answering, lite.tier(case))
    with pytest.raises(TransitionError, match="An appeal was answered"):
        appeal_of(lite, case.customer_id)
    lite.wait(days=1)
    lite.batch()
    assert case.customer_id not in {c.customer_id for c in lite.cases()}


def test_appeals_that_are_refused(lite: Room, database: Database) -> None:
    case = lite.middling()
    with pytest.raises(CustomerNotFoundError):
        appeal_of(lite, "nobody")
    with pytest.raises(InvalidRequestError, match="better tier"):
        appeal_of(lite, case.customer_id, lite.tier(case))
    top = next(
        c
        for c in map(str, lite.frame.customer_id)
        if lite.grade(c).tier.index == 0 or c == case.customer_id
    )
    if lite.grade(top).tier.index > 0:
        lite.settle(case, lite.grade(top).basis.tiers[0].id)
    with pytest.raises(InvalidRequestError, match="best tier already"):
        appeal_of(lite, top)
    with pytest.raises(NotReadyError):
        appeal_of(replace(lite, database=database), case.customer_id)


@pytest.mark.parametrize(
    ("decided", "outcome"),
    [(0, "upheld"), (1, "upheld"), (2, "partly"), (3, "rejected")],
)
def test_outcomes(lite: Room, decided: int, outcome: str) -> None:
    case = lite.middling()
    appeal, _ = appeal_of(lite, case.customer_id)
    tiers = lite.grade(case.customer_id).basis.tiers
    asked = replace(appeal, contested_tier_id=tiers[3].id, wanted_tier_id=tiers[1].id)
    assert outcome_of(asked, tiers[decided].id, tiers) == outcome
