"""Explanations written as bytes are those that the schema's models would write."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from features.schema import CATALOGUE, PREDICTIONS, IndicatorFrame
from serving.api import account_bytes, schemas
from serving.api.presenting import text_of
from serving.domain.evidence import Evidence, account
from serving.domain.grade import LANGS, Grade, Lang, LayoutEntry
from serving.reasons import tell
from serving.scoring import aligned, basis_of, grade
from serving.wording import channel_of, label_of
from training.bundle import Bundle

Told = tuple[Grade, tuple[LayoutEntry, ...], Evidence]


@pytest.fixture(scope="module")
def told(bundle: Bundle, frame: IndicatorFrame) -> list[Told]:
    basis = basis_of(bundle, frame.as_of, run_id="run")
    graded = grade(bundle, aligned(bundle, frame), frame.customer_id.tolist(), basis)
    explained = graded.explanations
    return [
        (each, explained.layout, evidence)
        for each, evidence in zip(graded.grades, explained.evidence(), strict=True)
    ]


def by_models(one: Told, lang: Lang | None) -> bytes:
    """The same answer, made of pydantic models one by one."""
    graded, layout, evidence = one
    whole = account(graded, evidence, layout)
    entries = [entry for entry in whole.entries if entry.contribution != 0.0]
    answer = schemas.Explanation(
        customer_id=graded.customer_id or None,
        grade_id=graded.grade_id or None,
        run_id=graded.basis.run_id,
        as_of=graded.basis.as_of,
        base=whole.base,
        score=whole.score,
        contributions=[
            schemas.Contribution(
                indicator=entry.indicator,
                label=text_of(*(label_of(entry.indicator, each) for each in LANGS)),
                channel=entry.channel,
                channel_label=text_of(*(channel_of(entry.channel, each) for each in LANGS)),
                dimension=entry.dimension,
                value=entry.value,
                unit=getattr(
                    CATALOGUE.get(entry.indicator) or PREDICTIONS.get(entry.indicator), "unit", None
                ),
                percentile=entry.percentile,
                points=entry.points,
                weight=entry.weight,
                contribution=entry.contribution,
            )
            for entry in sorted(entries, key=lambda entry: -abs(entry.contribution))
        ],
        texts={
            each: schemas.Story(
                headline=story.headline,
                base=story.base,
                positive=[_driver(driver) for driver in story.positive],
                negative=[_driver(driver) for driver in story.negative],
                margin=story.margin,
                forecast=story.forecast,
                referral=list(story.referral),
            )
            for each in LANGS
            if lang is None or each == lang
            for story in (tell(graded, whole, each),)
        },
    )
    return answer.model_dump_json(by_alias=True).encode()


def _driver(driver: object) -> schemas.Driver:
    return schemas.Driver(
        **{name: getattr(driver, name) for name in ("indicator", "points", "text")}
    )


def odd(told: list[Told]) -> Iterator[Told]:
    """Customers nobody has: without an account, with numbers and an id at the ends of what is."""
    graded, layout, evidence = told[0]
    none = [0.0] * len(layout)
    yield graded, layout, replace(evidence, contributions=none)
    ends = [5e-324, -1e-300, 1e-7, -1.5e-5, 1e-4, 99.99999999999999, *none][: len(layout)]
    yield graded, layout, replace(evidence, contributions=ends)
    huge = dict.fromkeys(graded.indicators, 1.5e300) | {"net_amount_365d": -1e16}
    yield (
        replace(graded, indicators=huge, ltv=1e22, customer_id='"\\/\n\x00\x7f é中'),
        layout,
        evidence,
    )
    yield replace(graded, indicators={}, ltv=None, churn_probability=None), layout, evidence


@pytest.mark.parametrize("lang", [None, *LANGS])
def test_bytes_are_those_of_the_models(told: list[Told], lang: Lang | None) -> None:
    for one in (*told[:80], *odd(told)):
        assert account_bytes.explanation(*one, lang) == by_models(one, lang)


@given(
    st.lists(st.floats() | st.none(), min_size=1, max_size=8),
)
def test_numbers_are_written_as_pydantic_does(numbers: list[float | None]) -> None:
    whole = TypeAdapter(list[float | None]).dump_json(numbers)
    assert b"[" + b",".join(account_bytes.numbers_of(numbers)) + b"]" == whole


def test_the_account_adds_up_as_it_is_written(told: list[Told]) -> None:
    for one in told:
        answer = schemas.Explanation.model_validate_json(account_bytes.explanation(*one))
        whole = answer.base + math.fsum(each.contribution for each in answer.contributions)
        assert abs(whole - answer.score) < 1e-9
