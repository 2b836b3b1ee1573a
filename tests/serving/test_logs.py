"""Log lines as machines and people read them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from serving.logs import AccessLog, Format, Request, configure_logging, logger
from serving.settings import Settings


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON while a test runs."""
    told = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("json", told)
    yield told
    root.handlers, root.level = handlers, level


def told_by(lines: io.StringIO, event: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["event"] == event]


def test_a_request_is_one_line_of_json(lines: io.StringIO, client: TestClient) -> None:
    client.get("/v1/grades/c-0007?lang=x", headers={"X-Request-ID": "abc-1"})
    (line,) = told_by(lines, "request")
    assert line["route"] == "/v1/grades/{customer_id:path}"
    assert (line["method"], line["status"], line["request_id"]) == ("GET", 422, "abc-1")
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")
    assert "c-0007" not in lines.getvalue()  # who was looked up is for the audit trail


def test_libraries_log_in_the_same_form_with_the_request(lines: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="r-1")
    logging.getLogger("some.library").warning("slow %d", 3)
    structlog.contextvars.clear_contextvars()
    (line,) = told_by(lines, "slow 3")
    assert (line["logger"], line["request_id"]) == ("some.library", "r-1")


def test_an_exception_stays_in_one_line(lines: io.StringIO) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logging.getLogger("tierwise.app").exception("failed")
    (line,) = told_by(lines, "failed")
    assert "RuntimeError: broken" in str(line["exception"])


def test_secrets_are_not_logged(lines: io.StringIO) -> None:
    names = ("Authorization", "cookie", "password", "secret", "token", "api_key")
    logger("tierwise.app").info("asked", **dict.fromkeys(names, "hunter22"))
    logging.getLogger("tierwise.app").info("asked too", extra={"token": "hunter22"})
    assert "hunter22" not in lines.getvalue()
    assert told_by(lines, "asked")[0]["cookie"] == "[not logged]"


def test_values_json_does_not_know_are_written_as_text(lines: io.StringIO) -> None:
    logger("tierwise.app").info("odd", value={1}, kind=object)
    assert told_by(lines, "odd")[0]["value"] == [1]


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({"environment": "production"}, "json"),
        ({"environment": "development"}, "console"),
        ({"environment": "development", "log_format": "json"}, "json"),
        ({"environment": "production", "log_format": "console"}, "console"),
    ],
)
def test_production_logs_json_unless_told_otherwise(given: dict[str, str], form: str) -> None:
    assert Settings.model_validate(given).log_form == form


def test_people_get_readable_lines(lines: io.StringIO) -> None:
    configure_logging("console", lines)
    logger("tierwise.app").info("started", world="journey")
    assert "started" in lines.getvalue()
    assert "world=journey" in lines.getvalue()


STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
NAMES = st.sampled_from(["local", "key:crm", "person:李 伟", 'a"b', "x=y", "'"]) | st.text(
    max_size=9
)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "other"]),
    st.sampled_from(["/v1/grades/{customer_id:path}", "unmatched", "/a b"]),
    st.integers(100, 599),
    st.floats(0, 1e6).map(lambda ms: round(ms, 2)),
    st.from_regex(r"[A-Za-z0-9._:-]{1,100}", fullmatch=True),
    NAMES | st.none(),
)


@pytest.mark.parametrize("form", ["json", "console"])
@given(request=REQUESTS)
def test_the_line_of_a_request_is_what_any_logger_would_write(
    form: Format, request: Request
) -> None:
    root, told = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    log = AccessLog("tierwise.test_lines")
    try:
        configure_logging(form, told)
        log.write(request)
        straight = told.getvalue()
        listening = logging.NullHandler()
        logging.getLogger("tierwise.test_lines").addHandler(listening)
        log.write(request)
        logging.getLogger("tierwise.test_lines").removeHandler(listening)
    finally:
        root.handlers, root.level = handlers, level
    assert len(STAMP.findall(straight)) == 1
    by_any = told.getvalue()[len(straight) :]
    assert STAMP.sub("then", straight) == STAMP.sub("then", by_any)


def test_whoever_listens_hears_of_requests(caplog: pytest.LogCaptureFixture) -> None:
    root, told = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    try:
        configure_logging("json", told)
        root.addHandler(caplog.handler)
        AccessLog("tierwise.test_lines").write(Request("GET", "/", 200, 0.1, "r", None))
    finally:
        root.handlers, root.level = handlers, level
    assert json.loads(told.getvalue())["route"] == "/"
    assert len(caplog.records) == 1


def test_a_stream_that_is_gone_stops_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    root, told = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    try:
        configure_logging("json", told)
        told.close()
        AccessLog("tierwise.test_lines").write(Request("GET", "/", 200, 0.1, "r", None))
    finally:
        root.handlers, root.level = handlers, level
    assert "Logging error" in capsys.readouterr().err


def test_below_its_level_no_line_is_written(lines: io.StringIO) -> None:
    quiet = logging.getLogger("tierwise.test_quiet")
    quiet.setLevel(logging.WARNING)
    AccessLog("tierwise.test_quiet").write(Request("GET", "/", 200, 0.1, "r", None))
    assert lines.getvalue() == ""
