"""Secrets do not get into logs: keys, cookies, passwords and tokens are blacked out.

Nothing here writes secrets on purpose. This is the second lock, for what a library or an
exception's text would let through.
"""

from __future__ import annotations

import re

BLACKED = "[redacted]"
_WORDS = (
    r"__host-tierwise|tierwise_session|authorization|proxy-authorization|cookie|set-cookie|x-csrf-token|"
    r"(?:\w*(?:password|secret|token|verifier)\w*)|code|state|nonce|id_token"
)
_VALUE = r"""b?"[^"]*"|b?'[^']*'|[^\s&,;}]+"""
_PATTERNS = (
    # A key anywhere, also cut off at its end.
    (re.compile(r"\btw_[a-z2-7]{16}_[A-Za-z0-9_-]+"), BLACKED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {BLACKED}"),
    (re.compile(r"(?i)((?:__Host-)?tierwise(?:_\w+)?)=[A-Za-z0-9_-]{20,}"), rf"\1={BLACKED}"),
    (
        re.compile(rf"""(?ix) (["']?\b(?:{_WORDS})\b["']?) (\s*[=:]\s*) ({_VALUE})"""),
        rf"\1\2{BLACKED}",
    ),
)


def redact(text: str) -> str:
    """Return a text with everything that looks like a secret blacked out."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
