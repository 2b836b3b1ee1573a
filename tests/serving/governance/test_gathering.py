"""What is read gathers in pages, in order, and none of it is lost on the way to the store."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.domain.reading import Read
from serving.governance import gathering as module
from serving.governance.bulk import Seen
from serving.governance.gathering import Gathering

START = datetime(2026, 11, 22, 18)
LOOKS = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from(["c-1", "c-2", "c-3", None]), st.integers(0, 4)),
    max_size=12,
)


def look(number: int) -> Read:
    return Read(START, "key:x", "grade", f"c-{number}", 1, "r")


@given(looks=LOOKS, at=st.integers(0, 12), ordered=st.booleans())
def test_two_tallies_joined_are_one(
    looks: list[tuple[int, str | None, int]], at: int, ordered: bool
) -> None:
    looks = sorted(looks, key=lambda each: each[0]) if ordered else looks
    whole, before, after = (Seen(START, START) for _ in range(3))
    if looks[at:]:
        after = Seen(*[START + timedelta(minutes=looks[at:][0][0])] * 2)
    for place, (minutes, customer_id, customers) in enumerate(looks):
        when = START + timedelta(minutes=minutes)
        for seen in (whole, before if place < at else after):
            seen.add(customer_id, when, customers)
    before.join(after)
    assert before == whole


def test_pages_are_full_or_the_last_and_keep_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    gathered = Gathering(bound=8)
    assert all(gathered.add(look(n)) for n in range(5))
    pages = gathered.take()
    assert [len(page.lines) for page in pages] == [3, 2]
    assert gathered.add(look(5))
    gathered.written(pages[0])
    gathered.give_back(pages[1:])
    assert gathered.waiting == 3
    assert all(gathered.add(look(n)) for n in range(6, 11))
    assert not gathered.add(look(99))
    lines = [line for page in gathered.take() for line in page.lines]
    assert [line.split(",")[3] for line in lines] == [f'"c-{n}"' for n in range(3, 11)]
    assert gathered.take() == ()
