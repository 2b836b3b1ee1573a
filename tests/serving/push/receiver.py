"""A receiver of webhooks: a real HTTP server on this machine that checks and remembers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from serving.push.signing import verify


@dataclass(frozen=True)
class Received:
    at: float
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def sequence(self) -> int:
        return int(self.event["sequence"])

    @property
    def customer(self) -> str:
        return self.event["data"]["customer_id"]


Answer = Callable[[Received], "tuple[int, dict[str, str], bytes]"]


def fine(_request: Received) -> tuple[int, dict[str, str], bytes]:
    return 204, {}, b""


@dataclass
class Receiver:
    """Answers as it is told; `arrived` is what it answered with 2xx, in that order."""

    answer: Answer = fine
    got: list[Received] = field(default_factory=list)
    arrived: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: ThreadingHTTPServer | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Received(time.monotonic(), self.path, dict(self.headers), body)
                with receiver.lock:
                    receiver.got.append(request)
                status, headers, content = receiver.answer(request)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    return  # whoever asked is gone, as after a kill or a timeout
                if 200 <= status < 300:
                    with receiver.lock:
                        receiver.arrived.append(request)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def verified(self, secret: str) -> list[str]:
        """Check every signature; return the ids."""
        return [verify(each.headers, each.body, secret) for each in self.got]


def first_arrivals(arrived: list[Received]) -> list[Received]:
    """Without what came again."""
    return list({each.event["id"]: each for each in reversed(arrived)}.values())[::-1]


def check_order(arrived: list[Received]) -> None:
    """Prove that each customer's messages first arrived in the order they happened."""
    newest: dict[str, int] = {}
    for each in first_arrivals(arrived):
        assert each.sequence > newest.get(each.customer, 0), each.event
        newest[each.customer] = each.sequence
