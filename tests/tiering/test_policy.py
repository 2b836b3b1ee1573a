from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tiering.policy import Scheme
from tiering.scheme import load_scheme, parse_scheme, scheme_text


def test_the_hash_is_of_the_content_not_of_the_layout(small: Scheme, small_text: str) -> None:
    relaid = "# a comment\n" + small_text.replace("weight = 0.40", "weight   =  4e-1")
    assert parse_scheme(relaid).sha256 == small.sha256
    assert len(small.sha256) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('label_zh = "顶层"', 'label_zh = "顶级"'),
        ("cut = 75", "cut = 75.5"),
        ("band = 2.0", "band = 2.5"),
        ('version = "1"', 'version = "2"'),
        ("ltv = 0.6\nnet_amount_365d = 0.4", "ltv = 0.4\nnet_amount_365d = 0.6"),
    ],
)
def test_any_change_of_content_changes_the_hash(
    small: Scheme, small_text: str, old: str, new: str
) -> None:
    assert old in small_text
    assert parse_scheme(small_text.replace(old, new)).sha256 != small.sha256


def test_a_scheme_from_before_a_key_existed_keeps_its_hash(small: Scheme, small_text: str) -> None:
    # Stored runs and bundles carry the hash that version 1.0.0 of this code gave.
    assert small.sha256 == "2e5f6adadf2ba2699fcbfe2947386e19f842d8d6c53670c5de3d362f3cb56977"
    jumps = parse_scheme(small_text.replace("band = 2.0", "band = 2.0\nmax_jump_ratio = 10"))
    assert jumps.sha256 != small.sha256
    rewritten = scheme_text(Scheme.model_validate(jumps.model_dump()))
    assert parse_scheme(rewritten).sha256 == jumps.sha256


def test_the_original_text_is_kept(small: Scheme, small_text: str) -> None:
    assert scheme_text(small) == small_text
    assert "#" in scheme_text(load_scheme())


def test_a_scheme_changed_in_code_does_not_show_the_old_text(small: Scheme) -> None:
    stricter = small.referral.model_copy(update={"band": 0.5})
    changed = small.model_copy(update={"referral": stricter})
    again = parse_scheme(scheme_text(changed))
    assert again.referral.band == 0.5
    assert again.sha256 == changed.sha256 != small.sha256


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_any_label_survives_writing(label: str) -> None:
    renamed = Scheme.model_validate({**load_scheme().model_dump(), "title_en": label})
    assert parse_scheme(scheme_text(renamed)).title_en == label


def test_schemes_are_frozen(small: Scheme) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small.version = "2"
    assert small.version == "1"
