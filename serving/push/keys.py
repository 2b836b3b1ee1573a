"""Secrets of webhooks: derived from one key, so that the store holds none of them.

Whoever reads the database, or a backup of it, cannot sign in our name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from datetime import datetime
from pathlib import Path

from serving.domain.push import Webhook
from serving.errors import NotReadyError
from serving.push.signing import PREFIX
from serving.settings import Settings

FILE = "push.key"
_BYTES = 32


class PushKey:
    """The key that secrets are derived from."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hashlib.sha256(b"tierwise push key\0" + key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"PushKey({self.id})"

    def secret(self, webhook_id: str, generation: int) -> str:
        """Return the secret of a webhook in one of its generations."""
        label = f"tierwise webhook\0{webhook_id}\0{generation}".encode()
        return PREFIX + base64.b64encode(hmac.digest(self._key, label, "sha256")).decode()

    def valid_secrets(self, webhook: Webhook, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign now: the present one, and for a while the one before.

        Raises
        ------
        NotReadyError
            If the webhook's secrets come from another key.
        """
        if webhook.key_id != self.id:
            raise NotReadyError(
                "The secrets of this webhook come from another key.",
                hint=f"Set TIERWISE_PUSH_KEY, or put {FILE} back, or rotate the secret.",
                webhook_id=webhook.webhook_id,
            )
        generations = [webhook.generation]
        if webhook.previous_until is not None and now < webhook.previous_until:
            generations.append(webhook.generation - 1)
        return tuple(self.secret(webhook.webhook_id, number) for number in generations)


def load_key(settings: Settings) -> PushKey:
    """Return the key of an installation; its file is made where neither it nor a setting is.

    Raises
    ------
    NotReadyError
        If the file cannot be read or written, or holds no key.
    """
    if settings.push.key is not None:
        return PushKey(settings.push.key.get_secret_value().encode())
    path = settings.state / FILE
    try:
        key = _read(path) if path.exists() else _make(path)
    except OSError as error:
        raise NotReadyError(
            f"{FILE} cannot be read or made: {error.strerror}.",
            hint="Set TIERWISE_PUSH_KEY, or let the service write beside its store.",
        ) from error
    if len(key) < _BYTES:
        raise NotReadyError(f"{FILE} holds no key.", hint="Put it back from a backup.")
    return PushKey(key)


def _read(path: Path) -> bytes:
    return path.read_bytes().strip()


def _make(path: Path) -> bytes:
    """Write a new key that nobody else may read; another process may have been quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{FILE}.{secrets.token_hex(6)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(f"{secrets.token_hex(_BYTES)}\n")
    try:
        os.link(part, path)  # fails where it exists, and shows the whole file or none
    except FileExistsError:
        pass
    finally:
        part.unlink()
    return _read(path)
