"""A what-if's grade written as bytes is what the schema's models would write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import IndicatorFrame
from serving.api import grade_bytes, presenting
from serving.domain.grade import Grade
from serving.scoring import aligned, basis_of, grade
from training.bundle import Bundle


@pytest.fixture(scope="module")
def graded(bundle: Bundle, frame: IndicatorFrame) -> list[Grade]:
    basis = basis_of(bundle, frame.as_of, run_id=None)
    return list(grade(bundle, aligned(bundle, frame), [""] * len(frame.customer_id), basis).grades)


def by_models(one: Grade) -> bytes:
    told = presenting.grade(one, None)
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
            assert grade_bytes.what_if(one) == by_models(one)


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_numbers_of_any_size(graded: list[Grade], numbers: list[float]) -> None:
    up, value, lower, upper = numbers
    one = replace(graded[0], margin_up=up, ltv=value, ltv_lower=lower, ltv_upper=upper)
    assert grade_bytes.what_if(one) == by_models(one)


def test_bases_that_come_and_go(graded: list[Grade]) -> None:
    for number in range(30):
        basis = replace(graded[0].basis, world=f"world {number}", lifecycles=(), dimensions=())
        one = replace(graded[0], basis=basis)
        assert grade_bytes.what_if(one) == by_models(one)
