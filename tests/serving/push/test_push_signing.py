"""Signatures: what verifies, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.push.signing import WebhookRefusedError, sign, signed_headers, verify

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
NOW = 1_700_000_000
BODY = '{"data":"客户"}'.encode()


def headers(body: bytes = BODY, *, at: int = NOW, keys: tuple[str, ...] = (SECRET,)) -> dict:
    return signed_headers(keys, "msg_1", at, body)


def test_the_signature_is_the_one_of_the_standard() -> None:
    """The published example of Standard Webhooks."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signed_webhook_verifies_whatever_the_case_of_its_headers() -> None:
    told = {name.title(): value for name, value in headers().items()}
    assert verify(told, BODY, SECRET, now=NOW + 299) == "msg_1"


def test_either_of_two_secrets_verifies() -> None:
    told = headers(keys=(OTHER, SECRET))
    assert verify(told, BODY, SECRET, now=NOW) == verify(told, BODY, OTHER, now=NOW)


@pytest.mark.parametrize(
    ("change", "body", "secret", "now"),
    [
        ({}, BODY + b" ", SECRET, NOW),
        ({}, BODY, OTHER, NOW),
        ({}, BODY, "whsec_!", NOW),
        ({}, BODY, SECRET, NOW + 301),
        ({}, BODY, SECRET, NOW - 301),
        ({"webhook-id": "msg_2"}, BODY, SECRET, NOW),
        ({"webhook-timestamp": str(NOW + 1)}, BODY, SECRET, NOW),
        ({"webhook-timestamp": "yesterday"}, BODY, SECRET, NOW),
        ({"webhook-signature": "v1,"}, BODY, SECRET, NOW),
        ({"webhook-signature": "v1,é"}, BODY, SECRET, NOW),
        ({"webhook-signature": ""}, BODY, SECRET, NOW),
    ],
)
def test_what_is_altered_old_or_foreign_is_refused(
    change: dict, body: bytes, secret: str, now: int
) -> None:
    with pytest.raises(WebhookRefusedError):
        verify(headers() | change, body, secret, now=now)


def test_missing_headers_are_refused() -> None:
    for name in headers():
        rest = {k: v for k, v in headers().items() if k != name}
        with pytest.raises(WebhookRefusedError):
            verify(rest, BODY, SECRET, now=NOW)


def test_a_copy_is_refused_and_a_retry_is_not() -> None:
    """#90: a replayed webhook; a retry has the same id under a new timestamp."""
    seen: set[str] = set()
    assert verify(headers(), BODY, SECRET, now=NOW, seen=seen) == "msg_1"
    with pytest.raises(WebhookRefusedError, match="before"):
        verify(headers(), BODY, SECRET, now=NOW + 1, seen=seen)
    later = headers(at=NOW + 5)
    assert verify(later, BODY, SECRET, now=NOW + 5, seen=seen) == "msg_1"


@given(st.binary(max_size=200), st.integers(0, 10**10), st.integers(0, 199 * 8 + 7))
def test_one_bit_decides(body: bytes, at: int, bit: int) -> None:
    told = headers(body, at=at)
    assert verify(told, body, SECRET, now=at) == "msg_1"
    if bit < len(body) * 8:
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WebhookRefusedError):
            verify(told, bytes(changed), SECRET, now=at)
