"""Addresses carry any customer id, whole, to the page and back."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from serving.web.addresses import address, customer_address


def test_parameters_that_say_nothing_are_left_out() -> None:
    assert address("/") == "/"
    assert address("/", q="", tier=None, page=0) == "/"
    assert address("/", q="a&b c", page=2) == "/?q=a%26b+c&page=2"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
@example("..")
@example("a/../b")
@example("a/.")
@example("line\nbreak")
@example("<script>")
@example("%2e%2e")
@example("\\..\\")
def test_an_id_survives_the_way_through_its_address(customer_id: str) -> None:
    parts = urlsplit(customer_address(customer_id))
    assert parts.netloc == ""
    assert parts.fragment == ""
    if parts.query:
        assert parts.path == "/customers"
        assert parse_qs(parts.query, keep_blank_values=True) == {"id": [customer_id]}
    else:
        tail = parts.path.removeprefix("/customers/")
        # One encoded segment without dots alone: no browser or proxy folds it.
        assert "/" not in tail
        assert tail.strip(".")
        assert unquote(tail) == customer_id
