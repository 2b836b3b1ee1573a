"""No weight without two people who stand for it (#39, #65)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tiering.errors import WeightsError
from tiering.weights.record import WeightRecord
from tiering.weights.rules import SignoffRules
from tiering.weights.signoff import (
    check_chain,
    dimension_weights,
    draw_up,
    indicator_weights,
    lacking,
    sign,
    state,
)

RULE = SignoffRules(signers=2, roles=("expert", "executive"), decimals=4)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
THIRDS = {"value": 1 / 3, "risk": 1 / 3, "dynamic": 1 / 3}


def draft(previous: WeightRecord | None = None, **more: object) -> WeightRecord:
    at = previous.signatures[-1].at if previous and previous.signatures else NOON
    content = {"at": at, "previous": previous, **more}
    return draw_up("five", THIRDS, RULE, by="Ana Lyst", **content)  # type: ignore[arg-type]


def signed(record: WeightRecord) -> WeightRecord:
    first = sign(record, by="Li", role="expert", at=record.drawn_up_at + HOUR)
    return sign(first, by="Wang", role="executive", at=record.drawn_up_at + 2 * HOUR)


def faults(record: WeightRecord, by: str, role: str, at: datetime) -> set[str]:
    with pytest.raises(WeightsError) as caught:
        sign(record, by=by, role=role, at=at)
    return {fault.path for fault in caught.value.faults}


def test_a_draft_needs_two_people_in_the_roles_of_the_rule() -> None:
    record = draft()
    assert state(record) == "draft"
    assert lacking(record) == "0 of 2 signatures; nobody has signed as expert, executive"
    one = sign(record, by="Li", role="expert", at=NOON)
    assert lacking(one) == "1 of 2 signatures; nobody has signed as executive"
    two = sign(one, by="Sun", role="expert", at=NOON)
    assert lacking(two) == "nobody has signed as executive"
    three = sign(two, by="Wang", role="executive", at=NOON)
    assert state(three) == "signed"
    assert three.digest == record.digest
    assert three.seal != two.seal


def test_nothing_is_applied_before_it_is_signed() -> None:
    record = draft(indicators={"value": {"ltv": 2 / 3, "net_amount_365d": 1 / 3}})
    for use in (dimension_weights, indicator_weights):
        with pytest.raises(WeightsError, match=r"is a draft: 0 of 2"):
            use(record)
    assert indicator_weights(signed(record)) == {
        "value": {"ltv": 0.6667, "net_amount_365d": 0.3333}
    }


def test_signed_weights_sum_to_exactly_1() -> None:
    found = dimension_weights(signed(draft()))
    assert found == {"value": 0.3334, "risk": 0.3333, "dynamic": 0.3333}
    assert sum(Decimal(repr(weight)) for weight in found.values()) == 1


def test_signatures_that_cannot_count_are_refused() -> None:
    record = sign(draft(), by="Li", role="expert", at=NOON + HOUR)
    assert faults(record, "ＬＩ ", "executive", NOON + HOUR) == {"by"}
    assert faults(record, "ana  lyst", "executive", NOON + HOUR) == {"by"}
    assert faults(record, "Wang", "executive", NOON) == {"at"}
    assert faults(record, "", "", datetime(2026, 11, 3)) == {"by", "role", "at"}


def test_a_record_made_by_hand_does_not_count_its_author() -> None:
    record = sign(draft(), by="Li", role="expert", at=NOON)
    by_hand = record.model_copy(update={"drawn_up_by": "Li"})
    assert lacking(by_hand) == "0 of 2 signatures; nobody has signed as expert, executive"


def test_versions_follow_each_other() -> None:
    first = signed(draft())
    second = signed(draft(first))
    assert (second.version, second.previous) == (2, first.digest)
    check_chain([first, second, draft(second)])
    check_chain([])
    with pytest.raises(WeightsError) as caught:
        check_chain([draft(), second, first])
    assert [str(fault) for fault in caught.value.faults] == [
        "version 1: is a draft with a successor.",
        "version 1: does not succeed version 2.",
        "version 1: names another version before it: one was altered.",
    ]


def test_a_draft_has_no_successor() -> None:
    with pytest.raises(WeightsError, match="Version 1 is a draft"):
        draft(draft())


def test_a_new_version_is_for_the_same_scheme_and_later() -> None:
    first = signed(draft())
    with pytest.raises(WeightsError) as caught:
        draw_up("other", THIRDS, RULE, by="x", at=NOON, previous=first)
    assert {fault.path for fault in caught.value.faults} == {"scheme", "drawn_up_at"}
