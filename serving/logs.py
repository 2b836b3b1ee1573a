"""Log lines: one JSON object each for machines, or a readable line for people.

Every line of a request carries its ``request_id``. What our own code logs and what libraries
log through the standard library comes out the same way.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
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
