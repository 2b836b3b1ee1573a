"""The client: every operation of the API as a method."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import httpx2 as httpx

from tierwise_client.operations import Operations
from tierwise_client.transport import Patience, Transport


class Client(Operations):
    """Asks one service.

    Use it as a context manager, or close it. It may be shared by threads.

    Parameters
    ----------
    address
        Where the service is, like ``https://grades.example.com``.
    key
        API key, sent as a bearer token; None for a service without access control.
    timeout
        Seconds until an answer counts as missing.
    remembered
        Answers to keep with their ETag; what did not change is then not sent again.
    http
        Carries requests instead of a client made here; the caller closes it.
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8000",
        key: str | None = None,
        *,
        timeout: float = 10.0,
        patience: Patience = Patience(),
        remembered: int = 0,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._own = http is None
        self._http = http or httpx.Client(base_url=address, timeout=timeout)
        if key is not None:
            self._http.headers["Authorization"] = f"Bearer {key}"
        super().__init__(Transport(self._http, patience, remembered=remembered, sleep=sleep))

    def close(self) -> None:
        """Close the connections that were opened here."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
