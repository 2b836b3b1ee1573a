"""A file that opens with two keys only, each held by another person (双人双锁, #100).

The content is sealed by AES-256-GCM under a random key; the key is the exclusive or of two
random shares, so that one share alone says nothing about it.
"""

from __future__ import annotations

import secrets

from serving.errors import ExportError

_MAGIC = b"TIERWISE-LOCKED-1\n"
_KEY, _NONCE = 32, 12


def lock(content: bytes, export_id: str) -> tuple[bytes, str, str]:
    """Seal a file; return it with the two shares (hex) of its key.

    Parameters
    ----------
    export_id
        Bound to the content: a file cannot be passed off as that of another export.
    """
    # Here and below, because most processes never lock a file, and it takes 6 MB.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    first, second = secrets.token_bytes(_KEY), secrets.token_bytes(_KEY)
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(_joined(first, second)).encrypt(nonce, content, export_id.encode())
    return _MAGIC + nonce + sealed, first.hex(), second.hex()


def unlock(sealed: bytes, export_id: str, first: str, second: str) -> bytes:
    """Open a locked file with both shares, in either order.

    Raises
    ------
    ExportError
        If it is no locked file, a share is wrong, or it was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not sealed.startswith(_MAGIC):
        raise ExportError("This is not a locked export.", hint="It can be read as it is.")
    try:
        shares = bytes.fromhex(first), bytes.fromhex(second)
        nonce = sealed[len(_MAGIC) : len(_MAGIC) + _NONCE]
        content = sealed[len(_MAGIC) + _NONCE :]
        return AESGCM(_joined(*shares)).decrypt(nonce, content, export_id.encode())
    except (InvalidTag, ValueError) as error:
        raise ExportError(
            "The export does not open.",
            hint="It takes the shares of both approvers and the id of this very export.",
        ) from error


def _joined(first: bytes, second: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(first, second, strict=True))
