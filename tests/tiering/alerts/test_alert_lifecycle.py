"""The life of an alert: every step from every state, and what a run does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tiering.alerts.catalogue import Level
from tiering.alerts.catalogue_file import packaged_catalogue
from tiering.alerts.lifecycle import (
    AlertState,
    Outcome,
    Standing,
    acknowledge,
    analyse,
    end,
    escalate,
    is_graver,
    resolve,
)
from tiering.alerts.renewal import Finding, Renewal, Step, renew
from tiering.alerts.worktime import respond_by
from tiering.errors import TransitionError
from tiering.panel.policy_file import packaged_panel

CATALOGUE = packaged_catalogue()
STRATEGIC = CATALOGUE.alert("order_drop").levels[0]
RED, ORANGE, YELLOW = CATALOGUE.alert("health").levels
MONDAY = datetime(2026, 9, 21, 2)
LATER = MONDAY + timedelta(hours=5)
KEY = ("a", "health")


def due(level: Level, raised_at: datetime) -> datetime:
    return respond_by(level, raised_at, packaged_panel().days_off.days)


def alert(level: Level = YELLOW, **changes: object) -> Standing:
    opened = Standing(
        severity=level.severity,
        owner=level.owner,
        escalates_to=level.escalates_to,
        needs_analysis=level.needs_analysis,
        state=AlertState.OPEN,
        raised_at=MONDAY,
        due_at=due(level, MONDAY),
    )
    return replace(opened, **changes)  # type: ignore[arg-type]


def run(
    before: dict[tuple[str, str], Standing],
    found: dict[tuple[str, str], Level],
    *,
    at: datetime = LATER,
    unmeasured: tuple[tuple[str, str], ...] = (),
    limit: int = 200,
) -> Renewal:
    catalogue = CATALOGUE.model_copy(update={"live_limit": limit})
    findings = {
        key: Finding(level, tier=0 if key[0] == "best" else 1, worth=float(len(key[0])))
        for key, level in found.items()
    }
    return renew(catalogue, before, findings, unmeasured, at, due)


def test_open_acknowledged_resolved() -> None:
    taken = acknowledge(alert(), LATER)
    assert (taken.state, taken.responded_at) == (AlertState.ACKNOWLEDGED, LATER)
    done = resolve(taken, LATER + timedelta(days=2), Outcome.RECOVERED, "visit")
    assert (done.state, done.outcome, done.measure) == (
        AlertState.RESOLVED, Outcome.RECOVERED, "visit",
    )  # fmt: skip
    assert not done.is_live
    assert done.responded_at == LATER
    at_once = resolve(alert(), LATER, Outcome.FALSE_ALARM, "nothing")
    assert at_once.responded_at == LATER


@pytest.mark.parametrize("state", [AlertState.RESOLVED, AlertState.ENDED])
def test_what_is_over_takes_no_step(state: AlertState) -> None:
    over = alert(state=state)
    with pytest.raises(TransitionError, match=f"is {state.value}; it cannot be acknowledged"):
        acknowledge(over, LATER)
    with pytest.raises(TransitionError, match="cannot be analysed"):
        analyse(over, LATER)
    with pytest.raises(TransitionError, match="cannot be resolved"):
        resolve(over, LATER, Outcome.LOST, "visit")


def test_nobody_acknowledges_twice() -> None:
    with pytest.raises(TransitionError, match="is acknowledged"):
        acknowledge(acknowledge(alert(), LATER), LATER)


def test_where_an_analysis_is_owed_only_it_is_a_response() -> None:
    """#78: the strategic tier's drop is not resolved before its cause is analysed."""
    taken = acknowledge(alert(STRATEGIC), LATER)
    assert taken.responded_at is None
    with pytest.raises(TransitionError, match="before its cause is analysed"):
        resolve(taken, LATER, Outcome.RECOVERED, "visit")
    analysed = analyse(taken, LATER)
    assert (analysed.analysed, analysed.responded_at) == (True, LATER)
    again = analyse(analysed, LATER + timedelta(hours=1))
    assert again.responded_at == LATER
    assert resolve(analysed, LATER, Outcome.RECOVERED, "visit").state is AlertState.RESOLVED


def test_an_alert_nobody_responds_to_goes_up() -> None:
    late = alert().due_at + timedelta(seconds=1)
    assert escalate(alert(), alert().due_at) == alert()
    up = escalate(alert(), late)
    assert (up.escalated_at, up.responsible) == (late, YELLOW.escalates_to)
    assert alert().responsible == YELLOW.owner
    assert escalate(up, late + timedelta(days=1)) == up
    answered = acknowledge(alert(), LATER)
    assert escalate(answered, late) == answered
    assert escalate(end(alert(), LATER), late).escalated_at is None


def test_colours_are_ordered() -> None:
    assert is_graver("red", "orange")
    assert is_graver("orange", "yellow")
    assert not is_graver("yellow", "yellow")


def test_a_run_opens_one_alert_and_renews_it() -> None:
    first = run({}, {KEY: YELLOW})
    ((step, standing),) = first.steps.values()
    assert (step, standing.state, standing.due_at) == (
        Step.OPENED, AlertState.OPEN, LATER + timedelta(hours=48),
    )  # fmt: skip
    second = run({KEY: standing}, {KEY: YELLOW}, at=LATER + timedelta(hours=1))
    assert second.steps == {KEY: (Step.RENEWED, standing)}


def test_a_graver_alert_starts_anew_and_a_milder_one_goes_on() -> None:
    taken = acknowledge(alert(YELLOW), LATER)
    step, worse = run({KEY: taken}, {KEY: RED}).steps[KEY]
    assert (step, worse.state, worse.severity, worse.owner, worse.responded_at) == (
        Step.WORSENED, AlertState.OPEN, "red", "coo", None,
    )  # fmt: skip
    assert worse.due_at == LATER + timedelta(hours=24)
    step, milder = run({KEY: acknowledge(alert(RED), LATER)}, {KEY: YELLOW}).steps[KEY]
    assert (step, milder.state, milder.severity, milder.owner) == (
        Step.RENEWED, AlertState.ACKNOWLEDGED, "yellow", YELLOW.owner,
    )  # fmt: skip


def test_an_alert_ends_with_its_condition_but_not_with_its_data() -> None:
    assert run({KEY: alert()}, {}).steps[KEY] == (Step.ENDED, end(alert(), LATER))
    assert end(alert(), LATER).state is AlertState.ENDED
    assert run({KEY: alert()}, {}, unmeasured=(KEY,)).steps == {}
    late = alert().due_at + timedelta(hours=1)
    step, blind = run({KEY: alert()}, {}, unmeasured=(KEY,), at=late).steps[KEY]
    assert (step, blind.escalated_at) == (Step.ESCALATED, late)


def test_a_resolved_alert_has_time_to_help() -> None:
    done = resolve(alert(ORANGE), LATER, Outcome.PARTLY, "visit")
    soon, then = LATER + timedelta(days=29), LATER + timedelta(days=30)
    assert run({KEY: done}, {KEY: ORANGE}, at=soon).steps == {}
    step, back = run({KEY: done}, {KEY: ORANGE}, at=then).steps[KEY]
    assert (step, back.state, back.reopened, back.outcome, back.raised_at) == (
        Step.REOPENED, AlertState.OPEN, 1, None, then,
    )  # fmt: skip
    step, graver = run({KEY: done}, {KEY: RED}, at=soon).steps[KEY]
    assert (step, graver.severity) == (Step.REOPENED, "red")
    step, cleared = run({KEY: done}, {}, at=soon).steps[KEY]
    assert (step, cleared.state, cleared.cleared) == (Step.CLEARED, AlertState.RESOLVED, True)


def test_a_false_alarm_is_not_raised_again_about_the_same() -> None:
    false = resolve(alert(ORANGE), LATER, Outcome.FALSE_ALARM, "nothing")
    then = LATER + timedelta(days=99)
    assert run({KEY: false}, {KEY: ORANGE}, at=then).steps == {}
    assert run({KEY: false}, {KEY: RED}, at=then).steps[KEY][0] is Step.REOPENED


def test_an_overdue_alert_escalates_with_the_run() -> None:
    late = alert().due_at + timedelta(hours=1)
    step, standing = run({KEY: alert()}, {KEY: YELLOW}, at=late).steps[KEY]
    assert (step, standing.responsible) == (Step.ESCALATED, "director")


def test_no_more_alerts_than_can_be_worked_through() -> None:
    """The gravest first, then the best tier, then the largest customer; others are counted."""
    found = {
        ("large", "health"): YELLOW,
        ("tiny", "health"): YELLOW,
        ("best", "health"): YELLOW,
        ("grave", "health"): RED,
        ("x", "silence"): CATALOGUE.alert("silence").levels[-1],
    }
    result = run({("old", "health"): alert()}, {**found, ("old", "health"): YELLOW}, limit=3)
    opened = [key[0] for key, (step, _) in result.steps.items() if step is Step.OPENED]
    assert opened == ["grave", "best", "x"]
    assert result.waiting == {"health": 2}
    # Yellow ones never keep a red one out, and red ones keep yellow ones out.
    full = {("old", "health"): alert(), ("older", "health"): alert(RED)}
    still = {("old", "health"): YELLOW, ("older", "health"): RED}
    two = run(full, {**still, ("new", "health"): RED, ("newer", "health"): YELLOW}, limit=2)
    assert two.steps["new", "health"][0] is Step.OPENED
    assert two.waiting == {"health": 1}
    room = run({("old", "health"): end(alert(), LATER)}, found, limit=3)
    assert room.waiting == {"health": 1}
