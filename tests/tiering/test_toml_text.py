from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.toml_text import to_toml

SCALARS = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
TABLES = st.recursive(
    st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES, max_size=3),
    lambda inner: st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=8),
        st.one_of(VALUES, inner, st.lists(inner, min_size=1, max_size=3)),
        max_size=3,
    ),
    max_leaves=8,
)


@given(TABLES)
@settings(max_examples=100, deadline=None)
def test_what_is_written_reads_back(document: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(document)) == document


def test_tables_come_after_the_plain_keys() -> None:
    text = to_toml({"b": {"c": 1, "d e": [{"f": True}]}, "a": [1.5, "x"]})
    assert text == 'a = [1.5, "x"]\n\n[b]\nc = 1\n\n[[b."d e"]]\nf = true\n'
