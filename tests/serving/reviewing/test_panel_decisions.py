"""A panel decides: claim, sealed votes, quorum, disagreement, four eyes, overrides (#93, #94)."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from serving.domain.case import CaseOutcome, CaseStatus
from serving.domain.override import Ending
from serving.domain.overruling import under
from serving.domain.vote import Vote
from serving.errors import (
    ConflictError,
    ForbiddenError,
    FourEyesError,
    InvalidRequestError,
    ReviewNotFoundError,
    StaleError,
)
from serving.replay import replay
from serving.reviewing import steps
from serving.reviewing.deciding import Wording, decide
from serving.reviewing.figures import review_figures
from serving.reviewing.overriding import revoke, under_overrides
from serving.store.grades import Grades
from serving.store.overrides import Overrides
from serving.store.portfolio import list_customers
from serving.store.reviews import Reviews
from tests.serving.reviewing.panel_room import THREE, Room
from tiering.errors import TransitionError
from tiering.panel.policy_file import parse_panel


def test_a_panel_overrides_and_the_run_stays_as_it_was(room: Room) -> None:
    """#93: people decide a borderline grade; their tier holds beside the model's until it ends."""
    case = room.middling()
    before = room.grade(case.customer_id)
    given = room.tier(case, -1)
    decided = room.settle(case, given)
    assert decided.status is CaseStatus.DECIDED
    assert decided.decision is not None
    assert decided.decision.outcome is CaseOutcome.OVERRIDDEN
    assert decided.decision.agreement == 1.0
    assert room.grade(case.customer_id) == before
    with room.database.read() as session:
        (held,) = under_overrides(session, [before], room.now)
        run = Grades(session).current_run()
        assert run is not None
        assert held.tier.id == given
        assert held.overruled is not None
        assert held.overruled.model_tier == before.tier
        assert held.margin_up is None or held.margin_up > 0
        # Lists stand by the tier that holds.
        for tier in run.basis.tiers:
            found = Grades(session).page(run, tier_id=tier.id, limit=500, now=room.now)
            assert found.total == len(found.items)
            assert (case.customer_id in {g.customer_id for g in found.items}) == (tier.id == given)
            model = Grades(session).page(run, tier_id=tier.id, limit=500)
            own = tier.id == before.tier.id
            assert (case.customer_id in {g.customer_id for g in model.items}) == own
            listed = list_customers(
                session, run.run_id, tier_index=tier.index, size=500, overruled=(run, room.now)
            )
            shown = {row.customer_id: row.tier_index for row in listed.rows}
            assert (shown.get(case.customer_id) == tier.index) == (tier.id == given)
        assert replay(session, run, room.frame, room.bundle).stands
    closed = room.close(decided)
    assert (closed.status, closed.closed_by) == (CaseStatus.CLOSED, "person:product")
    actions = [event.action for event in room.trail(f"case:{case.case_id}")]
    assert actions == [
        *("case.opened", "case.claimed", "review.voted", "review.voted", "review.voted"),
        *("review.decided", "case.closed"),
    ]
    (granted,) = room.trail(f"override:{case.case_id}")
    assert granted.action == "override.granted"
    assert granted.payload["customer_id"] == case.customer_id


def test_votes_are_sealed_in_the_trail_and_opened_by_the_decision(room: Room) -> None:
    """The trail commits to each vote when it is cast; the decision's salts open all of them."""
    case = room.middling()
    room.claim(case)
    room.vote(case, "sales", room.tier(case, 1))
    room.vote(case, "sales", room.tier(case), change=True)
    room.vote(case, "product", room.tier(case))
    room.vote(case, "market", room.tier(case))
    sealed = [e for e in room.trail(f"case:{case.case_id}") if e.action == "review.voted"]
    for event in sealed:
        assert set(event.payload) == {"customer_id", "sequence", "level", "commitment"}
    room.decide(case)
    opened = room.trail(f"case:{case.case_id}")[-1].payload["votes"]
    assert isinstance(opened, list)
    assert [vote["commitment"] for vote in opened] == [e.payload["commitment"] for e in sealed]
    for told, event in zip(opened, sealed, strict=True):
        fields = {k: v for k, v in told.items() if k != "commitment"}
        again = Vote(case_id=case.case_id, at=room.now, **fields)
        assert again.commitment == event.payload["commitment"]
        assert again.voter == event.actor
        assert replace(again, tier_id="strategic").commitment != again.commitment or (
            again.tier_id == "strategic"
        )
    assert opened[0]["tier_id"] != opened[1]["tier_id"]


def test_a_disagreement_goes_to_the_level_above(room: Room) -> None:
    """#94: no majority, or votes two tiers apart, and others than the voters decide."""
    case = room.middling()
    room.claim(case)
    for name, step in zip(THREE, (-1, 0, 1), strict=True):
        room.vote(case, name, room.tier(case, step))
    contested = room.decide(case)
    assert (contested.status, contested.level, contested.claimed_by) == (CaseStatus.OPEN, 1, None)
    assert contested.due_at > case.due_at
    assert contested.decision is None
    event = room.trail(f"case:{case.case_id}")[-1]
    assert (event.action, event.payload["why"]) == ("case.escalated", "contested")
    assert "votes" not in event.payload
    with pytest.raises(FourEyesError, match="voted at the level below"):
        room.claim(case, "sales")
    room.claim(case, "chair")
    with pytest.raises(FourEyesError, match="voted at the level below"):
        room.vote(case, "product", room.tier(case))
    with pytest.raises(TransitionError, match="There are 0 votes, and 1 are needed, among them"):
        room.decide(case, "expert")
    room.vote(case, "chair", room.tier(case))
    with pytest.raises(TransitionError, match="places of the panel are taken"):
        room.vote(case, "expert", room.tier(case))
    with pytest.raises(FourEyesError, match="the only one who voted"):
        room.decide(case, "chair")
    with pytest.raises(TransitionError, match="no level above"):
        steps.escalate(room.database, case.case_id, room.who("expert"), "why", room.policy)
    decided = room.decide(case, "expert")
    assert decided.decision is not None
    assert decided.decision.outcome is CaseOutcome.CONFIRMED
    assert len(room.trail(f"case:{case.case_id}")[-1].payload["votes"]) == 4  # type: ignore[arg-type]
    with pytest.raises(FourEyesError, match="counted the votes"):
        room.close(case, "expert")
    assert room.close(case, "sales").status is CaseStatus.CLOSED
    assert room.trail(f"override:{case.case_id}") == []


def test_the_last_level_at_odds_waits_for_a_majority(lite: Room) -> None:
    levels = [level.model_dump() for level in lite.policy.levels]
    levels[1] |= {"size": 3, "quorum": 2, "seats": []}
    lite.policy = type(lite.policy).model_validate(lite.policy.model_dump() | {"levels": levels})
    case = lite.middling()
    steps.escalate(lite.database, case.case_id, lite.who("sales"), "A test.", lite.policy)
    lite.claim(case, "chair")
    lite.vote(case, "chair", lite.tier(case, -1))
    lite.vote(case, "expert", lite.tier(case, 1))
    with pytest.raises(TransitionError, match="the majority of votes decides"):
        lite.decide(case, "chair")
    lite.vote(case, "product", lite.tier(case, 1))
    decided = lite.decide(case, "chair")
    assert decided.decision is not None
    assert decided.decision.tier_id == lite.tier(case, 1)


def test_nobody_decides_without_a_quorum_and_its_seats(lite: Room) -> None:
    case = lite.middling()
    with pytest.raises(TransitionError, match="The case is open"):
        lite.vote(case, "sales", lite.tier(case))
    lite.claim(case)
    for name in ("sales", "product", "expert"):
        lite.vote(case, name, lite.tier(case))
    with pytest.raises(TransitionError, match="Sales director, Product manager, Marketing dir"):
        lite.decide(case)
    lite.vote(case, "market", lite.tier(case))
    assert lite.decide(case).status is CaseStatus.DECIDED


def test_votes_that_cannot_be_counted(lite: Room) -> None:
    case = lite.claim(lite.middling())
    said = steps.Opinion("pope", "gold", "mood", "x", 0.5)
    with pytest.raises(InvalidRequestError) as told:
        steps.vote(lite.database, case.case_id, lite.who("sales"), said, lite.policy)
    assert [f.pointer for f in told.value.faults] == ["#/seat", "#/tier_id", "#/reason"]
    lite.vote(case, "sales", lite.tier(case))
    with pytest.raises(ConflictError, match="has voted already"):
        lite.vote(case, "sales", lite.tier(case, 1))
    with pytest.raises(StaleError, match="at version 3, not at 1, 2"):
        steps.claim(lite.database, case.case_id, lite.who("x", frozenset({1, 2})))
    with pytest.raises(StaleError, match="not at any that can be named"):
        steps.claim(lite.database, case.case_id, lite.who("x", frozenset()))
    with pytest.raises(ReviewNotFoundError):
        steps.claim(lite.database, "none", lite.who("x"))
    for name in ("product", "market"):
        lite.vote(case, name, lite.tier(case))
    with pytest.raises(InvalidRequestError, match="has no reason"):
        decide(lite.database, case.case_id, lite.who("sales"), Wording("x", {}), lite.policy)


def test_a_seat_belongs_to_members_where_the_policy_names_them(lite: Room) -> None:
    text = (files("tiering") / "panel" / "committee.toml").read_text("utf-8")
    members = '\n[[members]]\nid = "person:sales"\nseats = ["expert"]\n'
    lite.policy = parse_panel(text + members)
    case = lite.claim(lite.middling())
    with pytest.raises(ForbiddenError, match="no seat 'sales_director'"):
        lite.vote(case, "sales", lite.tier(case))


def test_a_claim_is_given_back_by_whoever_holds_it_until_it_is_late(lite: Room) -> None:
    case = lite.claim(lite.middling())
    with pytest.raises(FourEyesError, match="person:sales leads the case"):
        steps.release(lite.database, case.case_id, lite.who("product"))
    freed = steps.release(lite.database, case.case_id, lite.who("sales"))
    assert (freed.status, freed.claimed_by) == (CaseStatus.OPEN, None)
    lite.claim(case)
    lite.wait(days=9)
    assert lite.case(case.case_id).is_late(lite.now)
    steps.release(lite.database, case.case_id, lite.who("product"))
    assert lite.trail(f"case:{case.case_id}")[-1].payload["claimed_by"] == "person:sales"


def test_an_override_is_carried_over_runs_until_it_expires(room: Room) -> None:
    case = room.middling()
    given = room.tier(case, 1)
    room.claim(case)
    for name in THREE:
        room.vote(case, name, given)
    room.decide(case, days=10)
    room.wait(days=1)
    second = room.batch(replace(room.frame, as_of=room.frame.as_of))
    assert second.created
    # Asked and answered: the same tier for the same reasons is not asked again.
    assert case.customer_id not in {c.customer_id for c in room.cases()}

    def tier() -> str:
        with room.database.read() as session:
            grade = room.grade(case.customer_id)
            return under_overrides(session, [grade], room.now)[0].tier.id

    assert tier() == given
    room.wait(days=8, hours=23)
    assert tier() == given
    room.wait(hours=1)
    assert tier() == case.tier_id  # at the instant, before anybody notes it
    third = room.batch()
    assert third.opened == 1  # the decision holds no longer
    events = room.trail(f"override:{case.case_id}")
    assert [e.action for e in events] == ["override.granted", "override.expired"]
    with room.database.read() as session:
        override = Overrides(session).get(case.case_id)
        assert override is not None
        assert (override.ending, override.ended_at) == (Ending.EXPIRED, room.now)
        assert not override.holds(room.now)


def test_a_later_decision_takes_the_place_of_an_override(lite: Room) -> None:
    case = lite.middling()
    lite.settle(case, lite.tier(case, 1))
    lite.wait(days=91)
    lite.batch()
    again = next(c for c in lite.cases() if c.customer_id == case.customer_id)
    lite.settle(again, lite.tier(case, -1))
    lite.wait(days=1)
    # A reason that is new asks the panel again, while the override holds.
    with lite.database.write() as session:
        reviews = Reviews(session)
        reviews.replace([replace(lite.case(again.case_id), reasons=())])
    lite.batch()
    third = next(c for c in lite.cases() if c.customer_id == case.customer_id)
    lite.settle(third, lite.tier(case))
    ends = [e.action for e in lite.trail(f"override:{case.case_id}")]
    assert ends == ["override.granted", "override.expired"]
    ended = lite.trail(f"override:{again.case_id}")
    assert [e.action for e in ended] == ["override.granted", "override.superseded"]
    assert ended[-1].payload["by_case"] == third.case_id
    with lite.database.read() as session:
        assert Overrides(session).in_force([case.customer_id], lite.now) == {}


def test_an_override_that_expired_unnoted_is_ended_as_such(lite: Room) -> None:
    case = lite.middling()
    lite.settle(case, lite.tier(case, 1))
    with lite.database.write() as session:
        reviews = Reviews(session)
        reviews.replace([replace(lite.case(case.case_id), reasons=())])
    lite.wait(days=1)
    lite.batch()
    again = next(c for c in lite.cases() if c.customer_id == case.customer_id)
    lite.wait(days=100)
    lite.settle(again, lite.tier(case))
    assert lite.trail(f"override:{case.case_id}")[-1].action == "override.expired"


def test_who_gave_does_not_take_back_alone(room: Room) -> None:
    case = room.middling()
    room.settle(case, room.tier(case, 1))
    with pytest.raises(FourEyesError, match="had a part in the decision"):
        revoke(room.database, case.case_id, room.who("market"), "x")
    with pytest.raises(ReviewNotFoundError):
        revoke(room.database, "none", room.who("chair"), "x")
    ended = revoke(room.database, case.case_id, room.who("chair"), "Booked back.")
    assert (ended.ending, ended.ended_by) == (Ending.REVOKED, "person:chair")
    with pytest.raises(ConflictError, match="over already"):
        revoke(room.database, case.case_id, room.who("chair"), "x")
    event = room.trail(f"override:{case.case_id}")[-1]
    assert (event.action, event.payload["text"]) == ("override.revoked", "Booked back.")
    with room.database.read() as session:
        grade = room.grade(case.customer_id)
        assert under_overrides(session, [grade], room.now) == [grade]


def test_an_override_means_only_its_customer_and_scheme(lite: Room) -> None:
    case = lite.middling()
    lite.settle(case, lite.tier(case, -1))
    with lite.database.read() as session:
        override = Overrides(session).get(case.case_id)
    assert override is not None
    grade = lite.grade(case.customer_id)
    for other in (
        replace(override, customer_id="c-x"),
        replace(override, scheme_id="other"),
        replace(override, tier_id="other"),
        None,
    ):
        assert under(grade, other) is grade
    top, bottom = grade.basis.tiers[0], grade.basis.tiers[-1]
    assert under(grade, replace(override, tier_id=top.id)).margin_up is None
    assert under(grade, replace(override, tier_id=bottom.id)).margin_down is None


def test_the_figures_of_the_reviews(lite: Room) -> None:
    """FIELD 3.7: answered in time, agreement, overrides, escalations."""
    start = lite.now
    first, second, third = (c for c in lite.cases()[:3])
    lite.settle(first, lite.tier(first))
    steps.escalate(lite.database, third.case_id, lite.who("expert"), "Look.", lite.policy)
    lite.wait(days=9)
    tiers = [t.id for t in lite.grade(second.customer_id).basis.tiers]
    other = next(t for t in tiers if t != second.tier_id)
    near = tiers[abs(tiers.index(other) - 1)]
    lite.claim(second)
    for name in THREE:
        lite.vote(second, name, other)
    lite.vote(second, "expert", near)
    lite.decide(second)
    with lite.database.read() as session:
        told = review_figures(session, start, lite.now)
    assert (told.decided, told.decided_in_time, told.escalated) == (2, 0.5, 1)
    assert told.agreement == pytest.approx((1.0 + 0.75) / 2)
    assert told.overridden == 1
    assert told.open == len(lite.cases())
    assert told.late == told.open - 1  # what was escalated has more time
    assert (told.appeals_answered, told.answered_in_time) == (0, None)
