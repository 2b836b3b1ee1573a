"""Signatures of pushed messages: right, forged, old, and of a secret that is being changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise_client.webhooks import TOLERANCE, SignatureError, sign, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
NOW = 1_719_800_000
BODY = b'{"type":"tier.changed"}'


def headers(signature: str, at: int = NOW) -> dict[str, str]:
    return {"Webhook-Id": "msg_1", "webhook-timestamp": str(at), "WEBHOOK-SIGNATURE": signature}


def test_a_signature_is_the_standard_one() -> None:
    digest = hmac.new(
        b"0123456789abcdef01234567", b"msg_1.1719800000." + BODY, hashlib.sha256
    ).digest()
    assert sign(SECRET, "msg_1", NOW, BODY) == "v1," + base64.b64encode(digest).decode()
    assert verify(SECRET, headers(sign(SECRET, "msg_1", NOW, BODY)), BODY, now=NOW) == "msg_1"


def test_one_right_signature_of_several_is_enough() -> None:
    old, new = sign("old", "msg_1", NOW, BODY), sign("new", "msg_1", NOW, BODY)
    both = headers(f"{old} {new} v1a,unknown")
    assert verify("old", both, BODY, now=NOW) == "msg_1"
    assert verify("new", both, BODY, now=NOW) == "msg_1"


@pytest.mark.parametrize("drift", [-TOLERANCE - 1, TOLERANCE + 1])
def test_a_recorded_message_is_refused(drift: float) -> None:
    with pytest.raises(SignatureError, match="recorded"):
        verify("s", headers(sign("s", "msg_1", NOW, BODY)), BODY, now=NOW + drift)
    with pytest.raises(SignatureError):
        verify("s", headers(sign("s", "msg_1", NOW, BODY)), BODY)
    fresh = int(time.time())
    assert verify("s", headers(sign("s", "msg_1", fresh, BODY), fresh), BODY)


@given(st.binary(max_size=50))
def test_another_body_is_refused(other: bytes) -> None:
    signed = headers(sign("s", "msg_1", NOW, BODY))
    if other != BODY:
        with pytest.raises(SignatureError):
            verify("s", signed, other, now=NOW)


@pytest.mark.parametrize("lost", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_or_changed(lost: str) -> None:
    signed = {k.lower(): v for k, v in headers(sign("s", "msg_1", NOW, BODY)).items()}
    with pytest.raises(SignatureError):
        verify("s", {k: v for k, v in signed.items() if k != lost}, BODY, now=NOW)
    changed = {**signed, lost: "7"}
    with pytest.raises(SignatureError):
        verify("s", changed, BODY, now=NOW)
    with pytest.raises(SignatureError, match="base64"):
        verify("whsec_!", signed, BODY, now=NOW)
    with pytest.raises(SignatureError):
        verify("s", {**signed, "webhook-signature": "é"}, BODY, now=NOW)
