"""The worker inside the serving process: a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import logging
import threading

from serving.push.installation import deliverer
from serving.settings import Settings
from serving.store.session import Database

LOG = logging.getLogger("tierwise.push")
_REST = 5.0


class BackgroundDelivery:
    """Delivers in a thread from `start` to `stop`."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._thread = threading.Thread(target=self._keep_going, name="push", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, write it down, and end."""
        self._stopping.set()
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        if self._thread is not None:
            self._thread.join(self._settings.push.timeout + _REST)

    def _keep_going(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._deliver())
            except Exception:
                # A worker that died would be noticed by nobody: messages would just not come.
                LOG.exception("delivery failed and starts again")
                self._stopping.wait(_REST)

    async def _deliver(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stopping.is_set():
            return
        await deliverer(self._settings, self._database).run(self._stop)
