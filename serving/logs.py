"""Log lines: one JSON object each for machines, or a readable line for people.

Every line of a request carries its ``request_id``. What our own code logs and what libraries
log through the standard library comes out the same way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from serving.redaction import redact

Format = Literal["json", "console"]

_HIDDEN = "[not logged]"
_SECRET = frozenset(
    {"authorization", "cookie", "set-cookie", "password", "secret", "token", "api_key", "key"}
)
_QUIET = ("httpx", "httpcore", "httpx2", "numba", "alembic.runtime.plugins")
_ODD = frozenset(" \t=\r\n\"'")
"""Characters for which the readable form puts a value in quotes."""


def configure_logging(form: Format, stream: TextIO | None = None) -> None:
    """Send all log lines, from ``INFO`` up, to a stream in one form.

    Call it once, before the first line.

    Parameters
    ----------
    stream
        Standard error by default.
    """
    stream = stream or sys.stderr
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_SHARED],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                black_out,
                renderer,
            ],
        )
    )
    plain = form == "json" or not stream.isatty()
    _DIRECT[:] = [(handler, _as_json if form == "json" else _as_text)] if plain else []
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a part; its lines take fields: ``LOG.info("request", status=200)``.

    Until `configure_logging` is called, only warnings are heard, as with any logger.
    """
    wrapped: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return wrapped


class Request(msgspec.Struct):
    """What the line of a request says, in the order it says it."""

    method: str
    route: str
    status: int
    milliseconds: float
    request_id: str
    principal: str | None
    event: str = "request"
    level: str = "info"
    logger: str = ""
    timestamp: str = ""


class AccessLog:
    """Writes one line for every request, letter by letter as `logger` would.

    That takes the processors of structlog and the records of the standard library longer than a
    stored answer takes to be found. None of them has anything to do here (the fields are known
    and hold no secret, nobody else listens), so the line is written to the stream itself; and by
    `logger` wherever somebody does listen, or the line is not a plain one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._slow, self._heard = logger(name), logging.getLogger(name)

    def write(self, request: Request) -> None:
        """Write the line of a request that has just been answered."""
        log = self._heard
        if _DIRECT and not (log.handlers or log.filters) and log.isEnabledFor(logging.INFO):
            handler, render = _DIRECT[0]
            if log.propagate and logging.root.handlers == [handler] and not handler.filters:
                request.logger = self._name
                # As structlog's TimeStamper writes it.
                request.timestamp = f"{datetime.now(UTC).isoformat()[:-6]}Z"
                line = render(request)
                if line is not None and _written(handler, line):
                    return
        self._slow.info("request", **{name: getattr(request, name) for name in _FIELDS})


_Handler = logging.StreamHandler[TextIO]
_DIRECT: list[tuple[_Handler, Callable[[Request], str | None]]] = []
"""Where lines go and how they are written, if that is all that happens to them."""
_FIELDS = ("method", "route", "status", "milliseconds", "request_id", "principal")


def _written(handler: _Handler, line: str) -> bool:
    handler.acquire()
    try:
        handler.stream.write(line)
        handler.flush()
    except (OSError, ValueError):
        return False  # the long way has its manners for a stream that is gone
    finally:
        handler.release()
    return True


def _as_json(request: Request) -> str:
    return msgspec.json.encode(request).decode() + "\n"


def _as_text(request: Request) -> str | None:
    who, route = request.principal, request.route
    if not (_ODD.isdisjoint(route) and (who is None or _ODD.isdisjoint(who))):
        return None
    return (
        f"{request.timestamp} [info     ] request                        [{request.logger}] "
        f"method={request.method} milliseconds={request.milliseconds} principal={who} "
        f"request_id={request.request_id} route={route} status={request.status}\n"
    )


def _plain(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    event.pop("color_message", None)  # uvicorn's second copy of the line, in colours
    return event


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Put a mark in the place of every value whose name says that it is a secret."""
    for name in event:
        if name.lower() in _SECRET:
            event[name] = _HIDDEN
    return event


def black_out(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Black out what looks like a secret in what was written freely: messages, exceptions."""
    for name in ("event", "exception", "stack"):
        text = event.get(name)
        if isinstance(text, str):
            event[name] = redact(text)
    return event


def _json(event: object, default: Any = None, **_options: object) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_secrets,
    _plain,
)
