"""Traces reach a collector, and cost nothing where nobody wants them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.batch import BatchResult
from serving.errors import SettingsError
from serving.settings import Settings

pytest.importorskip("opentelemetry.sdk", reason="the extra `tracing` is not installed")


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """A collector on loopback: its address, and the bodies it was sent."""
    bodies: list[bytes] = []

    class Collecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collecting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_are_spans_and_probes_are_not(
    settings: Settings, graded: BatchResult, collector: tuple[str, list[bytes]]
) -> None:
    address, bodies = collector
    application = create_app(settings.model_copy(update={"traces_endpoint": address}))
    with TestClient(application) as client:
        assert client.get("/v1/grades/c-0007").status_code == 200
        assert client.get("/healthz").status_code == 200
    sent = b"".join(bodies)  # the end of the service sends what is left
    assert b"/v1/grades/c-0007" in sent
    assert b"healthz" not in sent
    assert b"tierwise" in sent
    application.state.database.dispose()


def test_without_an_address_nothing_is_imported() -> None:
    code = (
        "import sys, tempfile; from pathlib import Path; from serving.settings import Settings;"
        "from serving.app import create_app;"
        "create_app(Settings(home=Path(tempfile.mkdtemp()), world='none'));"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_traces_that_cannot_be_had_are_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    wanted = settings.model_copy(update={"traces_endpoint": "http://127.0.0.1:4318"})
    with pytest.raises(SettingsError, match="OpenTelemetry is not installed"):
        create_app(wanted)
