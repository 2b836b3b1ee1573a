"""Send requests over keep-alive connections for some time; the order and the figures are JSON.

Stands alone, without the project: what it does not import it does not slow down.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from dataclasses import dataclass, field
from time import perf_counter


@dataclass
class Line:
    """One connection and what has come back so far."""

    socket: socket.socket
    begun: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    whole: int = 0
    """Bytes of the answer, 0 while its head is not complete."""


def send(order: dict[str, object]) -> dict[str, float]:
    """Keep every connection busy until the time is over."""
    requests = [each.encode("latin-1") for each in order["requests"]]  # type: ignore[attr-defined]
    selector = selectors.DefaultSelector()
    lines = []
    for _ in range(int(order["connections"])):  # type: ignore[call-overload]
        opened = socket.create_connection(("127.0.0.1", order["port"]), 20)  # type: ignore[arg-type]
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = Line(opened)
        selector.register(opened, selectors.EVENT_READ, line)
        lines.append(line)
    at, errors, times = 0, 0, []
    begun = perf_counter()
    end = begun + float(order["seconds"])  # type: ignore[arg-type]
    for line in lines:
        _next(line, requests[at % len(requests)])
        at += 1
    while (now := perf_counter()) < end:
        for key, _ in selector.select(end - now):
            line = key.data
            part = line.socket.recv(1 << 18)
            if not part:
                raise ConnectionError("the server closed a connection")
            line.received += part
            if not line.whole and (head := line.received.find(b"\r\n\r\n")) >= 0:
                line.whole = head + 4 + _length(bytes(line.received[:head]))
            if line.whole and len(line.received) >= line.whole:
                times.append(perf_counter() - line.begun)
                errors += not line.received.startswith(b"HTTP/1.1 2")
                _next(line, requests[at % len(requests)])
                at += 1
    seconds = perf_counter() - begun
    times.sort()
    return {
        "requests": len(times),
        "seconds": seconds,
        "p50": 1e3 * times[len(times) // 2] if times else 0.0,
        "p99": 1e3 * times[int(len(times) * 0.99)] if times else 0.0,
        "errors": errors,
    }


def _next(line: Line, request: bytes) -> None:
    line.received.clear()
    line.whole = 0
    line.begun = perf_counter()
    line.socket.sendall(request)


def _length(head: bytes) -> int:
    for row in head.split(b"\r\n")[1:]:
        name, _, value = row.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without a length")


if __name__ == "__main__":
    json.dump(send(json.load(sys.stdin)), sys.stdout)
