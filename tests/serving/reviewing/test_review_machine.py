"""Random sequences of everything people and runs do: what must hold after each step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from features.errors import TierwiseError
from features.schema import IndicatorFrame
from serving.api import review_presenting
from serving.domain.case import CaseKind, CaseStatus, ReviewCase
from serving.domain.vote import counting
from serving.problems import status_of
from serving.reviewing import steps
from serving.reviewing.appealing import Complaint, file_appeal
from serving.reviewing.overriding import revoke
from serving.store.overrides import Overrides
from serving.store.reviews import Reviews
from tests.blank_store import blank_store
from tests.serving.reviewing.panel_room import MONDAY, SEATS, Room, some
from training.bundle import Bundle

PEOPLE = st.sampled_from(sorted({"sales", "product", "market", "expert", "chair"}))
WHICH = st.integers(0, 5)


class Panel(RuleBasedStateMachine):
    """People who try anything at any time, over two customers' cases."""

    bundle: Bundle
    frame: IndicatorFrame

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        store = blank_store(f"sqlite:///{Path(self.folder.name) / 'm.db'}")
        self.room = Room(store, self.bundle, some(self.frame), MONDAY)
        self.room.batch()
        self.customers = [c.customer_id for c in self.room.cases()][:2]

    def teardown(self) -> None:
        self.room.database.dispose()
        self.folder.cleanup()

    def all_cases(self) -> list[ReviewCase]:
        with self.room.database.read() as session:
            cases = Reviews(session).page(limit=500).items
        return [case for case in cases if case.customer_id in self.customers]

    def pick(self, which: int) -> ReviewCase:
        cases = self.all_cases()
        return cases[which % len(cases)]

    @contextmanager
    def refused_or_done(self) -> Iterator[None]:
        self.room.now += timedelta(minutes=1)
        status = 409
        try:
            yield
        except TierwiseError as error:
            status = status_of(error)
        assert status in (403, 409, 422)

    @rule(which=WHICH, name=PEOPLE)
    def claim(self, which: int, name: str) -> None:
        with self.refused_or_done():
            self.room.claim(self.pick(which), name)

    @rule(which=WHICH, name=PEOPLE)
    def release(self, which: int, name: str) -> None:
        case = self.pick(which)
        with self.refused_or_done():
            steps.release(self.room.database, case.case_id, self.room.who(name))
            assert name == str(case.claimed_by).removeprefix("person:") or case.due_at < (
                self.room.now
            )

    @rule(which=WHICH, names=st.lists(PEOPLE, min_size=1, max_size=4), tier=st.integers(0, 3))
    def vote(self, which: int, names: list[str], tier: int) -> None:
        case = self.pick(which)
        tiers = [t.id for t in self.room.grade(case.customer_id).basis.tiers]
        for name in names:
            with self.refused_or_done():
                self.room.vote(case, name, tiers[tier], change=tier % 2 == 0)

    @rule(which=WHICH, name=PEOPLE)
    def decide(self, which: int, name: str) -> None:
        case = self.pick(which)
        with self.refused_or_done():
            after = self.room.decide(case, name)
            assert after.status in (CaseStatus.DECIDED, CaseStatus.OPEN)

    @rule(which=WHICH, name=PEOPLE)
    def close(self, which: int, name: str) -> None:
        with self.refused_or_done():
            self.room.close(self.pick(which), name)

    @rule(which=WHICH, name=PEOPLE)
    def escalate(self, which: int, name: str) -> None:
        case = self.pick(which)
        with self.refused_or_done():
            steps.escalate(
                self.room.database, case.case_id, self.room.who(name), "Why.", self.room.policy
            )

    @rule(which=WHICH, name=PEOPLE)
    def appeal(self, which: int, name: str) -> None:
        customer = self.pick(which).customer_id
        with self.refused_or_done():
            file_appeal(
                self.room.database,
                Complaint(customer, "Why?"),
                self.room.who(name),
                self.room.policy,
            )

    @rule(which=WHICH, name=PEOPLE)
    def revoke(self, which: int, name: str) -> None:
        case = self.pick(which)
        if case.decision is None or case.decision.tier_id == case.tier_id:
            return
        with self.refused_or_done():
            revoke(self.room.database, case.case_id, self.room.who(name), "x")

    @rule(days=st.sampled_from([1, 9, 100]))
    def night(self, days: int) -> None:
        self.room.wait(days=days)
        before = {c.case_id: c for c in self.all_cases()}
        self.room.batch()
        for case in self.all_cases():
            old = before.get(case.case_id)
            if old is not None and case.status is CaseStatus.WITHDRAWN:
                assert old.status in (CaseStatus.OPEN, CaseStatus.WITHDRAWN)
                assert old.kind is CaseKind.REFERRAL

    @invariant()
    def at_most_one_live_case_of_a_customer(self) -> None:
        live = [c.customer_id for c in self.all_cases() if c.is_live]
        assert len(live) == len(set(live))

    @invariant()
    def no_decision_without_quorum_seats_and_four_eyes(self) -> None:
        with self.room.database.read() as session:
            reviews = Reviews(session)
            for case in self.all_cases():
                votes = reviews.votes(case.case_id)
                if case.decision is None:
                    continue
                level = self.room.policy.levels[case.decision.level]
                counted = counting(votes, case.decision.level)
                assert len(counted) >= level.quorum
                assert set(level.seats) <= {vote.seat for vote in counted}
                assert len({case.decision.by, *(vote.voter for vote in counted)}) >= 2
                tiers = [vote.tier_id for vote in counted]
                assert 2 * tiers.count(case.decision.tier_id) > len(tiers)
                below = {v.voter for v in votes if v.level < case.decision.level}
                assert not below & {v.voter for v in counted}
                assert case.closed_by != case.decision.by

    @invariant()
    def nobody_sees_the_votes_of_others_before_the_decision(self) -> None:
        with self.room.database.read() as session:
            reviews = Reviews(session)
            for case in self.all_cases():
                votes = reviews.votes(case.case_id)
                for reader in SEATS:
                    told = review_presenting.detail(
                        case, votes, None, self.room.policy, self.room.now, f"person:{reader}"
                    )
                    if not case.is_shown:
                        assert told.votes == []
                    if told.own_vote is not None:
                        assert told.own_vote.voter == f"person:{reader}"

    @invariant()
    def an_override_is_what_the_last_decision_gave(self) -> None:
        with self.room.database.read() as session:
            held = Overrides(session).in_force(self.customers, self.room.now)
            for customer, override in held.items():
                last = Reviews(session).decided_last(customer)
                assert last is not None
                assert last.case_id == override.case_id
                assert last.decision is not None
                assert override.tier_id == last.decision.tier_id != last.tier_id


def test_whatever_people_do(served_bundle: Bundle, frame: IndicatorFrame) -> None:
    Panel.bundle, Panel.frame = served_bundle, frame
    case = Panel.TestCase
    case.settings = settings(
        max_examples=8,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    case("runTest").runTest()


def test_the_machine_reaches_decisions(served_bundle: Bundle, frame: IndicatorFrame) -> None:
    """The invariants are worth something only if there is something to hold."""
    Panel.bundle, Panel.frame = served_bundle, frame
    machine = Panel()
    machine.open()
    case = machine.pick(0)
    machine.claim(0, "sales")
    machine.vote(0, ["sales", "product", "market"], 1)
    machine.decide(0, "sales")
    machine.close(0, "sales")
    assert machine.room.case(case.case_id).status is CaseStatus.DECIDED
    machine.close(0, "product")
    assert machine.room.case(case.case_id).status is CaseStatus.CLOSED
    machine.no_decision_without_quorum_seats_and_four_eyes()
    machine.teardown()
