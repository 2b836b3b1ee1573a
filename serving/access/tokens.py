"""Random texts that prove something, and the hashes by which they are known again.

A secret made here has 256 random bits. Of such a secret a plain SHA-256 is kept: nobody can
try 2**256 of them, so a slow hash, which passwords need because people choose them, would only
make every request slow.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

_KEY = re.compile(r"tw_([a-z2-7]{16})_([A-Za-z0-9_-]{43})")


def new_secret() -> str:
    """Return 256 random bits as 43 characters that fit into addresses and cookies."""
    return secrets.token_urlsafe(32)


def new_key_id() -> str:
    """Return the public part of a new key: 16 characters, 80 random bits."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def digest(text: str) -> str:
    """Return the SHA-256 (hex) of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Tell whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def key_text(key_id: str, secret: str) -> str:
    """Return a key as its owner keeps it."""
    return f"tw_{key_id}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """Return the public part and the secret of a key, None if it has not the form of one."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], found[2])


def form_token(session_id: str) -> str:
    """Return what every form of a session carries, so that no other site can send it (CSRF).

    It follows from the session's id, which other sites cannot read, and does not reveal it.
    """
    return hmac.new(session_id.encode(), b"tierwise form", hashlib.sha256).hexdigest()
