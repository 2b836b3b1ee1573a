"""Send requests over keep-alive connections for some time; the order and the figures are JSON.

With a ``rate``, requests are due evenly, and an answer's time counts from when its request was
due: a server that stalls does not make the waiting disappear. Without, every connection sends its
next request at once.

Stands alone, without the project: what it does not import it does not slow down.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

SPAN = 5.0
"""Seconds that are told of on their own."""


@dataclass
class Line:
    """One connection and what has come back so far."""

    socket: socket.socket
    begun: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    whole: int = 0
    """Bytes of the answer, 0 while its head is not complete."""


def send(order: dict[str, Any]) -> dict[str, Any]:
    """Keep the connections busy until the time is over, then wait for what is under way."""
    requests = [each.encode("latin-1") for each in order["requests"]]
    pace = 1.0 / order["rate"] if order.get("rate") else 0.0
    selector = selectors.DefaultSelector()
    idle = [_open(order["port"], selector) for _ in range(order["connections"])]
    statuses: Counter[str] = Counter()
    times: list[float] = []
    spans: dict[int, list[float]] = {}
    broken = at = 0
    spent = process_time()
    begun = perf_counter()
    end = begun + order["seconds"]
    while (now := perf_counter()) < end or (len(idle) < order["connections"] and now < end + 20):
        while idle and now < end and now >= (due := begun + at * pace if pace else now):
            _next(idle.pop(), requests[at % len(requests)], due)
            at += 1
        wait = 0.1 if not pace or not idle else max(0.0, begun + at * pace - perf_counter())
        for key, _ in selector.select(min(wait, 0.1)):
            line: Line = key.data
            try:
                done = _read(line)
            except OSError:
                broken += 1
                selector.unregister(line.socket)
                line.socket.close()
                idle.append(_open(order["port"], selector))
                continue
            if done:
                answered = perf_counter()
                times.append(answered - line.begun)
                spans.setdefault(int((answered - begun) // SPAN), []).append(times[-1])
                statuses[bytes(line.received[9:12]).decode("ascii")] += 1
                idle.append(line)
    seconds = min(perf_counter(), end) - begun
    times.sort()
    return {
        "requests": len(times),
        "seconds": seconds,
        "p50": 1e3 * times[len(times) // 2] if times else 0.0,
        "p99": 1e3 * times[int(len(times) * 0.99)] if times else 0.0,
        "worst": 1e3 * times[-1] if times else 0.0,
        "processor_seconds": process_time() - spent,
        "sent": at,
        "spans": [_span(number, found) for number, found in sorted(spans.items())],
        "statuses": dict(statuses),
        "broken": broken + order["connections"] - len(idle),
        "errors": broken + sum(n for status, n in statuses.items() if status[0] != "2"),
    }


def _span(number: int, times: list[float]) -> dict[str, float]:
    """Return what was answered in some seconds: when, how many, and how long they took, in ms."""
    times.sort()
    told = {"p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "worst": times[-1]}
    return {
        "at": number * SPAN,
        "rate": len(times) / SPAN,
        **{name: round(1e3 * value, 2) for name, value in told.items()},
    }


def _open(port: int, selector: selectors.BaseSelector) -> Line:
    opened = socket.create_connection(("127.0.0.1", port), 20)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line = Line(opened)
    selector.register(opened, selectors.EVENT_READ, line)
    return line


def _read(line: Line) -> bool:
    """Read what is there; tell whether the answer is complete."""
    part = line.socket.recv(1 << 18)
    if not part:
        raise ConnectionError("the server closed a connection")
    line.received += part
    if not line.whole and (head := line.received.find(b"\r\n\r\n")) >= 0:
        line.whole = head + 4 + _length(bytes(line.received[:head]))
    return bool(line.whole) and len(line.received) >= line.whole


def _next(line: Line, request: bytes, due: float) -> None:
    line.received.clear()
    line.whole = 0
    line.begun = due
    line.socket.sendall(request)


def _length(head: bytes) -> int:
    for row in head.split(b"\r\n")[1:]:
        name, _, value = row.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without a length")


if __name__ == "__main__":
    json.dump(send(json.load(sys.stdin)), sys.stdout)
