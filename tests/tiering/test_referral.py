from __future__ import annotations

from string import Formatter

import numpy as np
import pytest

from tiering.errors import PolicyError
from tiering.policy import Referral
from tiering.referral import FLAGS, REASONS, BoolArray, reason_text, refer

QUIET = Referral(band=1.0, max_missing_weight=0.5)
N = 3


def call(
    referral: Referral = QUIET,
    flags: dict[str, BoolArray] | None = None,
    challenged: tuple[bool, ...] = (False, False, False),
) -> tuple[BoolArray, list[tuple[str, ...]]]:
    return refer(
        referral,
        distance=np.array([0.5, 1.0, 9.0]),
        by_score=True,
        missing_weight=np.array([0.0, 0.5, 0.6]),
        missing_dimension=np.array([[False, False], [False, True], [True, True]]),
        undecided=np.zeros(N, dtype=np.bool_),
        challenged=np.array(challenged),
        flags=flags or {},
    )


def test_limits_themselves_do_not_refer() -> None:
    referred, reasons = call()
    assert referred.tolist() == [True, False, True]
    assert reasons == [
        ("border_margin",),
        ("missing_dimension",),
        ("missing_weight", "missing_dimension"),
    ]


def test_a_flag_is_told_but_refers_only_if_the_scheme_says_so() -> None:
    flags = {"dormant": np.array([False, True, False])}
    referred, reasons = call(flags=flags)
    assert referred.tolist() == [True, False, True]
    assert reasons[1] == ("missing_dimension", "dormant")
    strict = QUIET.model_copy(update={"refer_flags": ("dormant",)})
    assert call(strict, flags)[0].tolist() == [True, True, True]


def test_silence_is_not_missing_data() -> None:
    flags = {"dormant": np.array([False, False, True])}
    referred, reasons = call(flags=flags)
    assert referred.tolist() == [True, False, False]
    assert reasons[2] == ("missing_dimension", "dormant")


def test_a_flag_the_scheme_lists_but_nobody_hands_in_refers_nobody() -> None:
    strict = QUIET.model_copy(update={"refer_flags": ("dormant",)})
    assert call(strict)[0].tolist() == [True, False, True]


def test_a_challenged_jump_refers_and_says_so_even_of_a_dormant_customer() -> None:
    flags = {"dormant": np.array([False, True, False])}
    referred, reasons = call(flags=flags, challenged=(True, True, False))
    assert referred.tolist() == [True, True, True]
    assert reasons[0] == ("border_margin", "unexplained_jump")
    assert reasons[1] == ("missing_dimension", "unexplained_jump", "dormant")


def test_a_band_of_zero_refers_nobody() -> None:
    referred, _ = refer(
        Referral(band=0.0, max_missing_weight=1.0),
        distance=np.zeros(2),
        by_score=True,
        missing_weight=np.ones(2),
        missing_dimension=np.zeros((2, 1), dtype=bool),
        undecided=np.zeros(2, dtype=bool),
        challenged=np.zeros(2, dtype=bool),
        flags={},
    )
    assert referred.tolist() == [False, False]


def test_unknown_flags_are_refused() -> None:
    with pytest.raises(PolicyError, match="Unknown flag 'asleep'"):
        call(flags={"asleep": np.zeros(N, dtype=bool)})


@pytest.mark.parametrize("mask", [np.zeros(N + 1, dtype=bool), np.zeros(N)])
def test_misshapen_flags_are_refused(mask: BoolArray) -> None:
    with pytest.raises(PolicyError, match="boolean mask of 3"):
        call(flags={"dormant": mask})


@pytest.mark.parametrize("code", REASONS)
def test_both_languages_say_the_same_numbers(code: str) -> None:
    english, chinese = (
        {field for _, field, _, _ in Formatter().parse(text) if field} for text in REASONS[code]
    )
    assert english == chinese
    assert any("\u4e00" <= sign <= "\u9fff" for sign in REASONS[code][1])
    assert REASONS[code][0].isascii()


def test_flags_are_reasons_without_numbers() -> None:
    for flag in FLAGS:
        assert reason_text(flag, "en", {}) == REASONS[flag][0]
        assert reason_text(flag, "zh", {"more": 1}) == REASONS[flag][1]
