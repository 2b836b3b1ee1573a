"""Requests over keep-alive connections: by `wrk` where it is installed, else in Python.

Either way one thread sends, in a process of its own, and every connection sends its next request
when it has read the answer to the last.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import ROOT


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to repeat."""

    method: str
    path: str
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def raw(self, host: str) -> bytes:
        """Return the request as it goes over the wire (HTTP/1.1)."""
        content = (self.body or "").encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass(frozen=True, slots=True)
class Load:
    """What one cell measured; times in milliseconds.

    Attributes
    ----------
    errors
        Answers other than 2xx, and connections that broke or timed out.
    """

    rate: float
    p50: float
    p99: float
    requests: int
    errors: int
    tool: str


def tool() -> str:
    """Return what sends the requests here."""
    return "wrk" if shutil.which("wrk") else "Python"


def drive(port: int, requests: list[Asked], *, connections: int, seconds: float) -> Load:
    """Send the requests in turn for some time and tell how fast the answers came."""
    if tool() == "wrk":
        return _wrk(port, requests, connections, seconds)
    return _python(port, requests, connections, seconds)


def _wrk(port: int, requests: list[Asked], connections: int, seconds: float) -> Load:
    folder = ROOT / "var" / "bench-serving"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "requests.lua"
    host = f"127.0.0.1:{port}"
    texts = ",\n".join(_lua(each.raw(host)) for each in requests)
    script.write_bytes((_LUA % texts).encode("latin-1"))
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"),
            *("-s", str(script), f"http://{host}/"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.rsplit("FIGURES", 1)[1])
    return _load(found, "wrk")


def _python(port: int, requests: list[Asked], connections: int, seconds: float) -> Load:
    host = f"127.0.0.1:{port}"
    order = {
        "port": port,
        "connections": connections,
        "seconds": seconds,
        "requests": [each.raw(host).decode("latin-1") for each in requests],
    }
    sender = Path(__file__).with_name("bench_sender.py")
    done = subprocess.run(
        [sys.executable, str(sender)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    return _load(json.loads(done.stdout), "Python")


def _load(found: dict[str, Any], by: str) -> Load:
    return Load(
        rate=found["requests"] / found["seconds"],
        p50=found["p50"],
        p99=found["p99"],
        requests=int(found["requests"]),
        errors=int(found["errors"]),
        tool=by,
    )


def _lua(raw: bytes) -> str:
    """Return a Lua string of any bytes."""
    return '"' + "".join(f"\\{byte:03d}" for byte in raw) + '"'


_LUA = """
local requests = {
%s
}
local at = 0
request = function()
  at = at %% #requests + 1
  return requests[at]
end
done = function(summary, latency, _)
  local e = summary.errors
  local wrong = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(
    'FIGURES{"requests":%%d,"seconds":%%f,"p50":%%f,"p99":%%f,"errors":%%d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, wrong))
end
"""
