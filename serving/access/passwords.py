"""Passwords of local accounts: argon2id, and no word about whether an account exists."""

from __future__ import annotations

import secrets
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from serving.errors import InvalidRequestError, RequestFault

SHORTEST = 12
LONGEST = 200
"""Characters. A limit at all, because hashing a megabyte is work that anybody could order."""

# OWASP's first choice for argon2id (Password Storage Cheat Sheet): 46 MiB, one pass.
_HASHER = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1, type=Type.ID)
# Two at a time: each holds 46 MiB, and a crowd at the door must not take the worker's memory.
_AT_ONCE = BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """Return a password's argon2id hash in PHC notation, with a salt of its own."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Tell whether a password is right; without a hash it takes the same time to say no."""
    with _AT_ONCE:
        try:
            right = _HASHER.verify(password_hash or _nobody(), password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
    return right and password_hash is not None


def is_dated(password_hash: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def check_new(password: str, name: str) -> None:
    """Refuse a password that is too easy.

    Raises
    ------
    InvalidRequestError
        Saying what is wanted.
    """
    wrong = ""
    if len(password) < SHORTEST:
        wrong = f"A password has at least {SHORTEST} characters."
    elif len(password) > LONGEST:
        wrong = f"A password has at most {LONGEST} characters."
    elif name.casefold() in password.casefold() and len(password) < len(name) + SHORTEST:
        wrong = "A password is not made from the name of the account."
    elif len(set(password)) < 5:
        wrong = "A password has at least 5 different characters."
    if wrong:
        raise InvalidRequestError(
            "The password is not good enough.", [RequestFault(wrong, "#/password")], hint=wrong
        )


def one_time_password() -> str:
    """Return a random password for an account's first sign-in."""
    return secrets.token_urlsafe(15)


@cache
def _nobody() -> str:
    # The hash of a password that nobody has, for accounts that nobody has.
    return _HASHER.hash(secrets.token_urlsafe(32))
