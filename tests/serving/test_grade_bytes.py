"""A grade written as bytes is what the schema's models would write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import IndicatorFrame
from serving.api import grade_bytes, presenting
from serving.domain.case import CaseStatus, ReviewCase
from serving.domain.grade import Grade
from serving.domain.tenure import TierTenure
from serving.scoring import aligned, basis_of, grade
from training.bundle import Bundle


@pytest.fixture(scope="module")
def graded(bundle: Bundle, frame: IndicatorFrame) -> list[Grade]:
    basis = basis_of(bundle, frame.as_of, run_id=None)
    return list(grade(bundle, aligned(bundle, frame), [""] * len(frame.customer_id), basis).grades)


def by_models(one: Grade, case: ReviewCase | None = None) -> bytes:
    told = presenting.grade(one, case)
    return told.__pydantic_serializer__.to_json(told, by_alias=True)


def variants(one: Grade) -> Iterator[Grade]:
    """Return it with all that may be missing, and with what needs quoting."""
    yield one
    yield replace(one, customer_id='a"b 客户')
    yield replace(one, churn_probability=None, ltv=None, ltv_lower=None, ltv_upper=None)
    yield replace(one, dimension_scores=dict.fromkeys(one.dimension_scores), confidence=None)
    yield replace(one, segment="nobody", reasons=(), reason_texts={}, referred=False)
    words = {"en": ('a "quoted" one',), "zh-CN": ("理由",)}
    yield replace(one, reasons=("border",), reason_texts=words, referred=True)


def test_the_bytes_are_those_of_the_models(graded: list[Grade]) -> None:
    assert {each.tier.index for each in graded} == set(range(len(graded[0].basis.tiers)))
    assert any(each.reasons for each in graded)
    for each in graded[:100]:
        for one in variants(each):
            assert grade_bytes.written(one, None) == by_models(one)


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_numbers_of_any_size(graded: list[Grade], numbers: list[float]) -> None:
    up, value, lower, upper = numbers
    one = replace(graded[0], margin_up=up, ltv=value, ltv_lower=lower, ltv_upper=upper)
    assert grade_bytes.written(one, None) == by_models(one)


@given(
    since=st.dates() | st.none(),
    pending=st.dates() | st.none(),
    days=st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    told=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3),
    due_at=st.datetimes() | st.none(),
)
def test_stored_grades_have_an_id_a_tenure_and_a_case(
    graded: list[Grade],
    since: date | None,
    pending: date | None,
    days: float | None,
    told: list[tuple[str, str]],
    due_at: datetime | None,
) -> None:
    texts = {"en": tuple(en for en, _ in told), "zh-CN": tuple(zh for _, zh in told)}
    tenure = TierTenure("core", since, pending, days, tuple(en for en, _ in told), texts)
    one = replace(graded[0], grade_id="g-1", tenure=tenure)
    case = None
    if due_at is not None:
        case = ReviewCase(
            case_id="case-1",
            grade_id="g-1",
            run_id="r",
            customer_id=one.customer_id,
            status=CaseStatus.OPEN,
            reasons=(),
            score=one.score,
            tier_id=one.tier.id,
            opened_at=due_at,
            due_at=due_at,
            closed_at=None,
        )
    assert grade_bytes.written(one, case) == by_models(one, case)


def test_bases_that_come_and_go(graded: list[Grade]) -> None:
    for number in range(30):
        basis = replace(graded[0].basis, world=f"world {number}", lifecycles=(), dimensions=())
        one = replace(graded[0], basis=basis)
        assert grade_bytes.written(one, None) == by_models(one)
