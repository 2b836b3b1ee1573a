"""Secrets do not get into logs: keys, cookies, passwords and tokens are blacked out.

Nothing here writes secrets on purpose. This is the second lock, for what a library or an
exception's text would let through.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

BLACKED = "[redacted]"
_WORDS = (
    r"authorization|proxy-authorization|cookie|set-cookie|x-csrf-token|"
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
_SECRET_KEYS = re.compile(
    r"(?i)^(authorization|cookie|set-cookie|.*(password|secret|token|verifier).*)$"
)


def redact(text: str) -> str:
    """Return a text with everything that looks like a secret blacked out."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a log event with secrets blacked out, by name and by look."""
    return {
        name: BLACKED
        if _SECRET_KEYS.match(name)
        else redact(value)
        if isinstance(value, str)
        else value
        for name, value in fields.items()
    }


class Redaction(logging.Filter):
    """Filter of a log handler: blacks out the message, its arguments and the exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        record.msg = redact(record.getMessage())
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def install() -> None:
    """Black out secrets in whatever the handlers of the root logger write."""
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, Redaction) for each in handler.filters):
            handler.addFilter(Redaction())
