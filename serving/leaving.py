"""How the service goes: it says so, sends its callers elsewhere, finishes, and only then ends.

On SIGTERM ``/readyz`` turns 503, so whoever spreads the load stops sending, while everything is
still answered; every answer closes its connection, so that no caller writes the next request into
a connection that is about to go. After `drain` seconds the listening socket is closed, what is
under way is finished for at most `grace` seconds, and the process ends. A second signal, or
Ctrl-C, skips the waiting.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE = (b"connection", b"close")


@dataclass(slots=True)
class Leaving:
    """Whether the service has been told to go."""

    begun: bool = False


class Server(uvicorn.Server):
    """uvicorn, with a time between the signal and the closed door.

    Parameters
    ----------
    drain
        Seconds.
    """

    def __init__(self, config: uvicorn.Config, leaving: Leaving, drain: float) -> None:
        super().__init__(config)
        self._leaving, self._drain = leaving, drain
        self._since = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note the signal; the loop looks every tenth of a second."""
        if sig == signal.SIGTERM and self._drain > 0 and not self._leaving.begun:
            self._leaving.begun, self._since = True, monotonic()
            return
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Tell whether to end."""
        if self._leaving.begun and monotonic() - self._since >= self._drain:
            self.should_exit = True
        return await super().on_tick(counter)


class Farewell:
    """ASGI middleware: while the service is leaving, every answer closes its connection."""

    def __init__(self, app: ASGIApp, leaving: Leaving) -> None:
        self._app, self._leaving = app, leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def closing(message: Message) -> None:
            # Looked at when the answer begins: the signal may come while it is worked on.
            if message["type"] == "http.response.start" and self._leaving.begun:
                message["headers"] = [*message.get("headers", []), _CLOSE]
            await send(message)

        await self._app(scope, receive, closing if scope["type"] == "http" else send)


def run(application: Any, leaving: Leaving, *, drain: float, grace: float, **options: Any) -> None:
    """Serve until told to go.

    Parameters
    ----------
    grace
        Seconds, at most, that requests under way are waited for.
    """
    config = uvicorn.Config(application, timeout_graceful_shutdown=round(grace), **options)
    Server(config, leaving, drain).run()
