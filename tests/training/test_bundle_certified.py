"""A bundle may carry certificates; they are part of it, and of its digest (#93)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.schema import FloatArray
from tiering.certification.automation import refer_uncertified
from tiering.certification.certificate import Certificate
from training.bundle import Bundle
from training.errors import BundleError
from training.models.certified import GOVERNING, Verdict


def _verdict(bundle: Bundle, values: FloatArray) -> Verdict:
    scores, decisions = bundle.decide(values)
    assert bundle.certified is not None
    return bundle.certified.judge(decisions.tier, decisions.composite, scores, bundle.reference)


def test_certificates_survive_a_round_trip(
    certified: Bundle, values: FloatArray, tmp_path: Path
) -> None:
    certified.save(tmp_path / "bundle")
    again = Bundle.load(tmp_path / "bundle")
    assert again.digest == certified.digest
    ours, theirs = (_verdict(each, values) for each in (certified, again))
    assert np.array_equal(ours.confidence, theirs.confidence)
    assert np.array_equal(ours.automation.auto, theirs.automation.auto)
    assert ours.automation.auto.any()
    assert not ours.automation.auto.all()


def test_whom_the_certificate_does_not_cover_is_referred(
    certified: Bundle, values: FloatArray
) -> None:
    """#93, #96: everyone else goes to the panel, with a reason."""
    decisions = certified.decide(values)[1]
    automation = _verdict(certified, values).automation
    referred, reasons = refer_uncertified(decisions.referred, decisions.reasons, automation)
    assert (referred >= decisions.referred).all()
    assert all(codes for codes, sent in zip(reasons, referred.tolist(), strict=True) if sent)


def test_a_bundle_without_certificates_stores_none(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "bundle")
    assert not list((tmp_path / "bundle").glob("cert*"))
    assert Bundle.load(tmp_path / "bundle").certified is None


def test_an_altered_certificate_spoils_the_bundle(certified: Bundle, tmp_path: Path) -> None:
    certified.save(tmp_path / "bundle")
    file = tmp_path / "bundle" / f"certificate.{GOVERNING}.json"
    found = Certificate.from_json(file.read_text("utf-8"))
    file.write_text(replace(found, threshold=0.123).to_json(), "utf-8")
    with pytest.raises(BundleError):
        Bundle.load(tmp_path / "bundle")


def test_a_scheme_that_asks_gets_its_grades_certified(
    certified: Bundle, values: FloatArray
) -> None:
    """#93: without a certificate everybody is referred, with one those it does not cover."""
    referral = certified.scheme.referral.model_copy(update={"certified": True})
    scheme = certified.scheme.model_copy(update={"referral": referral})
    scores, decisions = certified.decide(values)
    assert certified.certify(scores, decisions) is decisions
    asking = replace(certified, scheme=scheme)
    issued = asking.certify(*asking.decide(values))
    auto = _verdict(certified, values).automation.auto
    assert np.array_equal(issued.referred, decisions.referred | ~auto)
    assert 0 < issued.referred.mean() < 1
    for row in np.flatnonzero(issued.referred)[:20].tolist():
        assert len(issued.reason_texts(row, "zh")) == len(issued.reasons[row]) > 0
    bare = replace(asking, certified=None)
    refused = bare.certify(*bare.decide(values))
    assert refused.referred.all()
    assert {"no_certificate"} <= set(refused.reasons[0])
