"""The machine of review cases: every state with every step."""

from __future__ import annotations

from itertools import product

import pytest

from tiering.errors import TransitionError
from tiering.panel.steps import LIVE, NEXT, SHOWN, CaseStatus, Step, advance

C, S = CaseStatus, Step
ALLOWED = {
    C.OPEN: {S.CLAIM, S.ESCALATE, S.RENEW, S.WITHDRAW, S.SUPERSEDE},
    C.CLAIMED: {S.RELEASE, S.VOTE, S.ESCALATE, S.DECIDE, S.SUPERSEDE},
    C.DECIDED: {S.CLOSE, S.APPEAL},
    C.CLOSED: {S.APPEAL},
    C.APPEALED: set(),
    C.WITHDRAWN: set(),
}


@pytest.mark.parametrize(("status", "step"), list(product(CaseStatus, Step)))
def test_every_step_from_every_state(status: CaseStatus, step: Step) -> None:
    if step in ALLOWED[status]:
        assert advance(status, step) is NEXT[status, step]
        return
    with pytest.raises(TransitionError, match=f"The case is {status.value}; it cannot be"):
        advance(status, step)


def test_a_run_never_touches_what_somebody_claimed() -> None:
    assert not {S.RENEW, S.WITHDRAW} & ALLOWED[C.CLAIMED]


def test_only_a_claimed_case_is_voted_on_and_decided() -> None:
    assert {c for c, s in NEXT if s in {S.VOTE, S.DECIDE}} == {C.CLAIMED}


def test_votes_are_secret_while_they_can_still_come() -> None:
    assert not LIVE & SHOWN
    assert {c for c, s in NEXT if s is S.VOTE} <= LIVE


def test_a_refusal_says_what_is_possible() -> None:
    with pytest.raises(TransitionError) as told:
        advance(C.DECIDED, S.VOTE)
    assert told.value.hint == "From here: appeal, close."
    with pytest.raises(TransitionError) as told:
        advance(C.WITHDRAWN, S.CLAIM)
    assert told.value.hint == "Nothing follows this."


def test_every_state_is_reached() -> None:
    assert {C.OPEN, *NEXT.values()} == set(CaseStatus)
