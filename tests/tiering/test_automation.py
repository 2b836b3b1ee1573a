"""Who needs no expert, why the others do, and what happens when a promise is broken (#93, #96)."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

from tiering.certification.automation import (
    CERTIFICATE_SUSPENDED,
    DISAGREEMENT,
    LOW_CONFIDENCE,
    NO_CERTIFICATE,
    REASONS,
    automate,
    automation_text,
    refer_uncertified,
)
from tiering.certification.certificate import Certificate, certify
from tiering.certification.search import Promise
from tiering.certification.trial import Trial
from tiering.certification.watch import watch

CONFIDENCE = np.array([0.97, 0.90, 0.60, np.nan, 0.97])
TIER = np.array([0, 1, 2, 3, 3])
LIKELIEST = np.array([0, 1, 2, 3, 2])


def closed(day: str, n: int, errors: int) -> Trial:
    """Return ``n`` sure customers of one origin, some of them wrong."""
    right = np.zeros(n, dtype=np.int64)
    right[:errors] = 1
    return Trial(
        origin=np.full(n, day),
        confidence=np.full(n, 0.95),
        tier=np.zeros(n, dtype=np.int64),
        right=right,
        candidate=np.ones(n, dtype=np.bool_),
        tiers=4,
    )


@pytest.fixture
def certificate() -> Certificate:
    found = certify(
        closed("2026-01-31", 400, 4),
        Promise(least=100, grid=(0.9,)),
        definition="hindsight",
        model="m",
    )
    assert found.threshold == 0.9
    return found


def told(certificate: Certificate | None) -> list[str]:
    found = automate(certificate, CONFIDENCE, TIER, LIKELIEST)
    assert list(found.reason) == list(REASONS)
    reasons = []
    for row in range(len(TIER)):
        codes = [code for code, mask in found.reason.items() if mask[row]]
        # Exactly one reason for each customer that is not automatic, none for the others.
        assert len(codes) == int(not found.auto[row])
        reasons.append(codes[0] if codes else "auto")
    return reasons


def test_the_sure_are_automatic_and_everyone_else_has_a_reason(certificate: Certificate) -> None:
    assert told(certificate) == ["auto", "auto", LOW_CONFIDENCE, LOW_CONFIDENCE, DISAGREEMENT]


def test_the_certificate_adds_to_other_referrals(certificate: Certificate) -> None:
    """#93, #96: whoever is referred for any reason is referred, and every reason is told."""
    found = automate(certificate, CONFIDENCE, TIER, LIKELIEST)
    before = [("missing_weight",), (), ("border_margin",), (), ()]
    referred, reasons = refer_uncertified(
        np.array([True, False, True, False, False]), before, found
    )
    assert referred.tolist() == [True, False, True, True, True]
    assert reasons == [
        ("missing_weight",),
        (),
        ("border_margin", LOW_CONFIDENCE),
        (LOW_CONFIDENCE,),
        (DISAGREEMENT,),
    ]


def test_no_certificate_refers_everyone(certificate: Certificate) -> None:
    assert told(None) == [NO_CERTIFICATE] * 5
    nothing = dataclasses.replace(certificate, threshold=None)
    assert told(nothing) == [NO_CERTIFICATE] * 5


def test_a_suspended_certificate_refers_everyone(certificate: Certificate) -> None:
    assert told(certificate.suspend("2026-04-30")) == [CERTIFICATE_SUSPENDED] * 5


@pytest.mark.parametrize(
    ("code", "language", "words"),
    [
        (NO_CERTIFICATE, "en", ("5%", "95%", "every customer")),
        (NO_CERTIFICATE, "zh", ("5%", "95%", "全部客户")),
        (CERTIFICATE_SUSPENDED, "en", ("2026-04-30", "5%")),
        (CERTIFICATE_SUSPENDED, "zh", ("2026-04-30", "暂停")),
        (DISAGREEMENT, "en", ("Core", "Basic")),
        (DISAGREEMENT, "zh", ("Core", "Basic", "不一致")),
        (LOW_CONFIDENCE, "en", ("62%", "90%")),
        (LOW_CONFIDENCE, "zh", ("62%", "90%")),
    ],
)
def test_reasons_in_words(
    certificate: Certificate, code: str, language: Literal["en", "zh"], words: tuple[str, ...]
) -> None:
    """#96: every referral says why, in both languages."""
    text = automation_text(
        code,
        language,
        certificate.suspend("2026-04-30"),
        confidence=0.62,
        issued="Core",
        likeliest="Basic",
    )
    assert all(word in text for word in words)
    assert "{" not in text
    assert "None" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_lack_of_a_certificate_in_words(language: Literal["en", "zh"]) -> None:
    text = automation_text(
        NO_CERTIFICATE, language, None, confidence=0.5, issued="a", likeliest="b"
    )
    assert "5%" in text
    assert "95%" in text


def test_a_kept_promise_stays_in_force(certificate: Certificate) -> None:
    after, seen = watch(certificate, closed("2026-04-30", 400, 20))
    assert after is certificate
    assert (seen.selected, seen.errors, seen.risk) == (400, 20, 0.05)
    assert not seen.broken
    assert not seen.warned


def test_bad_luck_warns_but_does_not_suspend(certificate: Certificate) -> None:
    # 22 of 400 are 5.5 %, which chance brings one time in three.
    after, seen = watch(certificate, closed("2026-04-30", 400, 22))
    assert seen.warned
    assert not seen.broken
    assert 0.3 < seen.chance < 0.4
    assert after.in_force


def test_a_broken_promise_suspends_until_certified_anew(certificate: Certificate) -> None:
    """#93: the latest closed origin broke the bound, so everyone is referred."""
    both = [closed("2026-04-30", 400, 40), closed("2026-03-31", 400, 0)]
    parts = {
        name: np.concatenate([getattr(each, name) for each in both])
        for name in ("origin", "confidence", "tier", "right", "candidate")
    }
    after, seen = watch(certificate, Trial(**parts, tiers=4))
    assert seen.day == "2026-04-30"
    assert seen.broken
    assert seen.warned
    assert seen.chance < 1e-4
    assert after.suspended == "2026-04-30"
    assert not after.in_force
    assert after.threshold == certificate.threshold  # the evidence stays readable
    assert after.digest != certificate.digest


def test_nobody_automatic_breaks_nothing(certificate: Certificate) -> None:
    nothing = dataclasses.replace(certificate, threshold=None)
    after, seen = watch(nothing, closed("2026-04-30", 100, 50))
    assert (seen.selected, seen.risk, seen.broken, seen.warned) == (0, None, False, False)
    assert after is nothing
