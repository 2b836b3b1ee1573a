"""From a key or a cookie to who is asking: looked up in the store, remembered for a second.

The hot path is one SHA-256 and one look into a dictionary. What is remembered is asked for
again after `REMEMBERED` seconds, so a key that was revoked by another process opens nothing for
longer than that; what this process changes is forgotten at once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from anyio import to_thread

from serving.access.tokens import digest, form_token, parse_key
from serving.domain.access import Principal
from serving.errors import StoreError
from serving.store.credentials import Accounts, ApiKeys, SignIns
from serving.store.session import Database

LOG = logging.getLogger("tierwise.access")
REMEMBERED = 1.0
"""Seconds."""
_MOST = 10_000
_KEY_STAMP = timedelta(minutes=10)
_SESSION_STAMP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and how we know.

    Attributes
    ----------
    name
        As people call them.
    form_token
        What forms and writes of a browser's session carry; empty for a key.
    """

    principal: Principal
    name: str
    form_token: str = ""
    must_change: bool = False


@dataclass(slots=True)
class _Kept:
    identity: Identity
    until: float


class Identifier:
    """Finds who a key or a session belongs to.

    Parameters
    ----------
    idle
        How long a session may be left alone.
    clock, timer
        Naive UTC, and seconds that only grow.
    """

    def __init__(
        self,
        database: Database,
        idle: timedelta,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None),
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._database, self._idle = database, idle
        self._clock, self._timer = clock, timer
        self._kept: dict[bytes, _Kept] = {}
        self._generation = 0
        # Stamps of last use wait for a writer's lock, and nobody waits for them.
        self._stamps = ThreadPoolExecutor(1, thread_name_prefix="tierwise-stamp")

    def forget(self) -> None:
        """Forget everybody: what was just changed holds from the next request on."""
        self._generation += 1
        self._kept.clear()

    def settle(self) -> None:
        """Wait until every time of last use so far is noted."""
        self._stamps.submit(bool).result()

    def close(self) -> None:
        """Note what is left to be noted, and no more."""
        self._stamps.shutdown()

    def remembered(self, kind: bytes, credential: bytes) -> Identity | None:
        """Return who a key (``b"k"``) or a session (``b"s"``) was a moment ago."""
        kept = self._kept.get(hashlib.sha256(kind + credential).digest())
        return kept.identity if kept is not None and self._timer() < kept.until else None

    async def identify(self, kind: bytes, credential: bytes) -> Identity | None:
        """Return who a key or a session belongs to, None if it opens nothing.

        Raises
        ------
        StoreError
            If the store does not answer: then nobody is let in.
        """
        place = hashlib.sha256(kind + credential).digest()
        kept = self._kept.get(place)
        if kept is not None:
            if self._timer() < kept.until:
                return kept.identity
            # One asks the store again; the others go on meanwhile.
            kept.until = self._timer() + REMEMBERED
        generation = self._generation
        text = credential.decode("latin-1")
        look_up = self._key if kind == b"k" else self._session
        try:
            found = await to_thread.run_sync(look_up, text)
        except BaseException:
            self._kept.pop(place, None)
            raise
        if found is None:
            self._kept.pop(place, None)
        elif generation == self._generation:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[place] = _Kept(found, self._timer() + REMEMBERED)
        return found

    def _key(self, text: str) -> Identity | None:
        parts = parse_key(text)
        if parts is None:
            return None
        key_id, secret = parts
        at = self._clock()
        with self._database.read() as session:
            key = ApiKeys(session).get(key_id)
        if key is None or not key.accepts(digest(secret), at):
            return None
        if key.last_used_at is None or at >= key.last_used_at + _KEY_STAMP:
            self._stamp(lambda database: _used(database, key_id, at))
        return Identity(key.principal, key.name)

    def _session(self, session_id: str) -> Identity | None:
        at = self._clock()
        hashed = digest(session_id)
        with self._database.read() as session:
            present = SignIns(session).get(hashed)
            account = None if present is None else Accounts(session).get(present.account_name)
        if present is None or account is None or account.disabled_at is not None:
            return None
        if not present.is_live(at, self._idle):
            return None
        if at >= present.seen_at + min(_SESSION_STAMP, self._idle / 4):
            self._stamp(lambda database: _seen(database, hashed, at))
        token = form_token(session_id)
        return Identity(account.principal, account.display_name, token, account.must_change)

    def _stamp(self, write: Callable[[Database], None]) -> None:
        def stamped() -> None:
            try:
                write(self._database)
            except StoreError as error:
                LOG.warning("a time of last use was not noted: %s", error)

        self._stamps.submit(stamped)


def _used(database: Database, key_id: str, at: datetime) -> None:
    with database.write() as session:
        ApiKeys(session).used(key_id, at)


def _seen(database: Database, session_hash: str, at: datetime) -> None:
    with database.write() as session:
        SignIns(session).seen(session_hash, at)
