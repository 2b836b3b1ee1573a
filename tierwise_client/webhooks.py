"""Telling whether a pushed message is the service's (Standard Webhooks).

Headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``; the signature is
``v1,base64(HMAC-SHA256(secret, id.timestamp.body))``, several of them apart by spaces while a
secret is being changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from tierwise_client.problems import ClientError

TOLERANCE = 300.0
"""Seconds that a message may be old, or early."""


class SignatureError(ClientError):
    """The message is not from whoever knows the secret, or not from now."""


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> str:
    """Check a message and return its id, by which a repetition is told.

    Parameters
    ----------
    secret
        As it was handed out: ``whsec_`` and base64, or the plain text.
    body
        The bytes as they came, not parsed and written again.
    now
        Unix time; the clock's by default.

    Raises
    ------
    SignatureError
        If a header is missing, the time is off, or no signature is right.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        identity, stamp = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split()
        seconds = int(stamp)
    except (KeyError, ValueError) as error:
        raise SignatureError("The message carries no signature.") from error
    if abs((time.time() if now is None else now) - seconds) > tolerance:
        raise SignatureError("The message is not from now; it may have been recorded.")
    wanted = sign(secret, identity, seconds, body)
    # All are compared, each in constant time.
    right = [hmac.compare_digest(wanted.encode(), each.encode()) for each in signatures]
    if not any(right):
        raise SignatureError("No signature of the message is right.")
    return identity


def sign(secret: str, identity: str, seconds: int, body: bytes) -> str:
    """Return the signature of a message."""
    content = f"{identity}.{seconds}.".encode() + body
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise SignatureError("The secret is not base64.") from error
