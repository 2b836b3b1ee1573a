"""Decisions under a certificate: who is issued without the panel, and the words for the rest."""

from __future__ import annotations

import numpy as np

from features.schema import FloatArray
from tiering.assign import decide
from tiering.certification.automation import Sureness
from tiering.certification.certificate import Certificate, Risk
from tiering.scheme import Scheme, parse_scheme, scheme_text
from tiering.scores import Reference

CERTIFICATE = Certificate(
    definition="hindsight",
    model="0" * 64,
    level=0.05,
    delta=0.05,
    margin=0.0,
    threshold=0.9,
    origins=(),
    tiers=(),
    total=Risk("all", 1000, 600, 12, 0, 0.02, 0.033),
)


def three(customer: dict[str, FloatArray]) -> dict[str, FloatArray]:
    return {name: np.repeat(column, 3) for name, column in customer.items()}


def test_only_the_sure_are_issued(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    # Band 0: at exactly 60 points nobody is referred by the scheme itself.
    scheme = small.model_copy(
        update={"referral": small.referral.model_copy(update={"band": 0.0, "certified": True})}
    )
    before = decide(scheme, population, three(customer))
    assert before.tier.tolist() == [1, 1, 1]
    assert not before.referred.any()
    sureness = Sureness(CERTIFICATE, np.array([0.95, 0.85, 0.99]), np.array([1, 1, 0]))
    found = before.under(sureness)
    assert found.referred.tolist() == [False, True, True]
    assert found.reasons == [(), ("low_confidence",), ("disagreement",)]
    assert found.reason_texts(1, "en") == (
        "The tier will prove right with an estimated probability of 85%; below 90%, a panel "
        "decides.",
    )
    assert found.reason_texts(2, "zh") == (
        "方案定级为中层，模型预计为顶层，两者不一致，需评审会复核。",
    )
    assert found.tier.tolist() == before.tier.tolist()


def test_the_schemes_own_reasons_stay_beside(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    borderline = decide(small, population, three(customer))
    assert borderline.reasons[0] == ("border_margin",)
    found = borderline.under(Sureness(CERTIFICATE, np.array([0.99, 0.5, 0.99]), np.ones(3, int)))
    assert found.reasons[0] == ("border_margin",)
    assert found.reasons[1] == ("border_margin", "low_confidence")
    assert found.referred.all()
    assert len(found.reason_texts(1, "en")) == 2


def test_without_a_certificate_everybody_is_referred_and_told_so(
    small: Scheme, population: Reference, customer: dict[str, FloatArray]
) -> None:
    decisions = decide(small, population, three(customer))
    found = decisions.under(Sureness.unknown(decisions.tier.astype(np.int64)))
    assert found.referred.all()
    assert all("no_certificate" in row for row in found.reasons)
    assert "a panel decides every customer" in found.reason_texts(0, "en")[-1]


def test_a_scheme_says_that_it_wants_certificates(small: Scheme, small_text: str) -> None:
    text = small_text.replace("band = 2.0", "band = 2.0\ncertified = true")
    scheme = parse_scheme(text)
    assert scheme.referral.certified is True
    assert small.referral.certified is None
    assert parse_scheme(scheme_text(scheme.model_copy(update={"version": "2"}))).referral.certified
