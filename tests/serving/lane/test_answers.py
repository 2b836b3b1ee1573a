"""``serving.lane.answers``: bounded, and of one mark."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.lane.answers import Answer, Answers


def answer(size: int) -> Answer:
    return Answer(200, (), b"x" * size, b"", None, {})


@settings(deadline=None)
@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 30)), max_size=60),
)
def test_what_is_kept_is_the_latest_of_the_mark_and_within_bounds(
    most: int, steps: list[tuple[int, int, int]]
) -> None:
    answers, last, current = Answers(most), {}, None
    for mark, key, size in steps:
        found = answers.get(mark, key)
        if mark != current:
            last, current = {}, mark
            assert found is None
        assert found is None or found is last[key]
        last[key] = answer(size)
        answers.keep(mark, key, last[key])
        kept = [each for k in range(6) if (each := answers.get(mark, k)) is not None]
        assert sum(len(each.body) for each in kept) <= most
        assert len(kept) == len(answers)
        assert (answers.get(mark, key) is last[key]) == (size <= most)


def test_the_least_used_goes_first() -> None:
    answers = Answers(20)
    answers.get("m", "a")
    answers.keep("m", "a", answer(10))
    answers.keep("m", "b", answer(10))
    assert answers.get("m", "a") is not None
    answers.keep("m", "c", answer(10))
    assert answers.get("m", "b") is None
    assert answers.get("m", "a") is not None


def test_an_answer_begun_before_the_store_moved_on_is_not_kept() -> None:
    answers = Answers(100)
    answers.get("before", "a")
    answers.get("after", "a")
    answers.keep("before", "a", answer(10))
    assert answers.get("before", "a") is None
    answers.keep("before", "a", answer(10))
    assert answers.get("after", "a") is None


@settings(deadline=None)
@given(st.binary(max_size=30_000))
def test_large_answers_come_back_whole_and_take_less(body: bytes) -> None:
    answers = Answers(100_000)
    answers.get("m", "a")
    answers.keep("m", "a", Answer(200, ((b"a", b"b"),), body * 2, b"t", None, {}))
    found = answers.get("m", "a")
    assert found is not None
    assert (found.body, found.headers, found.tag) == (body * 2, ((b"a", b"b"),), b"t")
    answers.keep("m", "a", Answer(200, (), b"x" * 90_000, b"", None, {}))
    assert answers._bytes < 1_000
