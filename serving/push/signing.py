"""Signatures of webhooks, as Standard Webhooks has them; needs nothing but Python itself.

A receiver may copy `verify`: it knows nothing of the service.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping, MutableSet, Sequence

PREFIX = "whsec_"
"""Begins every secret, so that scanners for leaked secrets find it."""
TOLERANCE = 300.0
"""Seconds that clocks may differ, and that a webhook may be old."""


class WebhookRefusedError(ValueError):
    """A webhook that is not from where it says, too old, or sent a second time by somebody."""


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature ``v1,<base64>`` of a webhook.

    Parameters
    ----------
    secret
        ``whsec_`` and the base64 of the key.
    timestamp
        Of this attempt, unix seconds.
    """
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digest = hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), content, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    secrets: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the headers of a webhook: one signature per secret that is valid now."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(s, message_id, timestamp, body) for s in secrets),
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    tolerance: float = TOLERANCE,
    *,
    now: float | None = None,
    seen: MutableSet[str] | None = None,
) -> str:
    """Check a webhook that was received, and return its id.

    The same id comes again with a new timestamp where an answer of the receiver was lost:
    answer 2xx again, and do nothing twice.

    Parameters
    ----------
    headers
        Of the request; names in any case.
    body
        The bytes as they came, before anybody parsed them.
    secret
        As it was shown when the webhook was made or its secret rotated.
    tolerance
        Seconds a timestamp may be away from now, either way.
    now
        Unix seconds; by default the clock's.
    seen
        What was received within the tolerance; a copy of it is refused. Filled here.

    Raises
    ------
    WebhookRefusedError
        If a header is missing, the timestamp is too old or too new, no signature fits, or
        the very same request was seen before.
    """
    told = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp = told["webhook-id"], told["webhook-timestamp"]
        given = told["webhook-signature"].split()
        timestamp = int(stamp)
    except (KeyError, ValueError) as error:
        raise WebhookRefusedError("The headers of a signed webhook are missing.") from error
    try:
        expected = sign(secret, message_id, timestamp, body)
    except binascii.Error as error:
        raise WebhookRefusedError("The secret is not one of a webhook.") from error
    # Bytes: compare_digest refuses a text that is not ASCII.
    if not any(hmac.compare_digest(each.encode(), expected.encode()) for each in given):
        raise WebhookRefusedError("No signature fits: altered, or signed with another secret.")
    if abs((time.time() if now is None else now) - timestamp) > tolerance:
        raise WebhookRefusedError("The webhook is too old, or from the future.")
    if seen is not None:
        if (sending := f"{message_id}.{timestamp}") in seen:
            raise WebhookRefusedError("This very request was received before.")
        seen.add(sending)
    return message_id
