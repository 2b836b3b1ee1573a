"""One try to deliver: sign, connect to the address that was checked, read a little, tell."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import httpx2

from serving.domain.push import Attempt
from serving.push.addresses import AddressRefusedError, AddressRules, Target
from serving.push.schedule import asked_to_wait
from serving.push.signing import signed_headers

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_SHOWN = 256
_READ = 4_096

# It would write every URL, and URLs of receivers often are secrets.
logging.getLogger("httpx2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Sent:
    """How a try went, and how long the receiver asked us to wait (seconds)."""

    attempt: Attempt
    asked: float | None = None


class Sender:
    """Sends signed webhooks; one pool of connections per receiver.

    Parameters
    ----------
    rules
        Which addresses may be reached.
    timeout
        Seconds for all of a try: name, connection, answer.
    clock
        Returns now, naive UTC.
    trust
        Whose certificates are believed; by default the system's.
    """

    def __init__(
        self,
        rules: AddressRules,
        timeout: float,
        clock: Callable[[], datetime] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = rules
        self._timeout = timeout
        self._clock = clock or (lambda: datetime.now(UTC).replace(tzinfo=None))
        self._trust = trust or ssl.create_default_context()
        self._clients: dict[tuple[str, str, int], httpx2.AsyncClient] = {}

    async def send(self, url: str, message_id: str, body: bytes, secrets: Sequence[str]) -> Sent:
        """Post a message to a receiver; failures of any kind are told, not raised."""
        at, started = self._clock(), perf_counter()
        status, error, answer, asked = None, None, "", None
        try:
            # Waits of the client are per step; a receiver could drip forever.
            async with asyncio.timeout(self._timeout):
                timestamp = int(at.replace(tzinfo=UTC).timestamp())
                headers = signed_headers(secrets, message_id, timestamp, body)
                target = self._rules.target(url)
                address = await self._rules.resolve(target)
                status, asked, answer = await self._post(target, address, headers, body)
        except AddressRefusedError:
            error = "address_refused"
        except TimeoutError:
            error = "timeout"
        except ssl.SSLError:
            error = "tls"
        except httpx2.ConnectError as failure:
            error = "tls" if isinstance(failure.__context__, ssl.SSLError) else "unreachable"
        except OSError:
            error = "unknown_host"
        except httpx2.HTTPError:
            error = "no_answer"
        took = round((perf_counter() - started) * 1_000)
        return Sent(Attempt(0, at, took, status, error, answer), asked)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _post(
        self, target: Target, address: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, float | None, str]:
        host = f"[{address}]" if ":" in address else address
        request = {
            "content": body,
            "headers": {
                **headers,
                "Host": target.authority,
                "Content-Type": CONTENT_TYPE,
                "User-Agent": "tierwise-webhooks/1",
                "Accept-Encoding": "identity",
            },
            # The certificate must be of the name, though the connection is to the address.
            "extensions": {"sni_hostname": target.host},
        }
        url = f"{target.scheme}://{host}:{target.port}{target.path}"
        async with self._client(target).stream("POST", url, **request) as response:  # type: ignore[arg-type]
            answer = b""
            # An answer may be cut off or endless: its status is what counts.
            with contextlib.suppress(httpx2.HTTPError):
                async for part in response.aiter_raw(_READ):
                    answer += part
                    if len(answer) >= _READ:
                        break
            asked = asked_to_wait(response.headers.get("Retry-After"), self._clock())
            return response.status_code, asked, _readable(answer)

    def _client(self, target: Target) -> httpx2.AsyncClient:
        # One per name: a pool that two names share would reuse a connection checked for one.
        key = (target.scheme, target.host, target.port)
        if key not in self._clients:
            self._clients[key] = httpx2.AsyncClient(
                verify=self._trust,
                trust_env=False,
                follow_redirects=False,
                timeout=self._timeout,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=8),
            )
        return self._clients[key]


def _readable(answer: bytes) -> str:
    text = answer[: 4 * _SHOWN].decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else " " for c in text)[:_SHOWN].strip()
