"""Answers as they went over the wire, kept for as long as they are what would be answered again."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Header = tuple[bytes, bytes]
_LARGE = 8192
"""Bytes from which a body is deflated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, complete.

    Attributes
    ----------
    headers
        As the endpoint and what represents it wrote them.
    tag
        The ETag among them; empty without one.
    route
        The route that answered, for whoever measures by route.
    parameters
        What its path held, for whoever logs who was looked at.
    deflated
        Whether the body is kept in fewer bytes (zlib).
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes
    tag: bytes
    route: Any
    parameters: Mapping[str, Any]
    deflated: bool = False


class Answers:
    """The answers used last, up to a number of bytes, all of one mark of the store.

    Parameters
    ----------
    most
        Bytes of all bodies together, as they are kept: large ones are deflated, which makes an
        explanation an eighth and costs a fraction of making it again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._mark: Hashable = None
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0

    def get(self, mark: Hashable, key: Hashable) -> Answer | None:
        """Return what was answered to ``key`` while the store stood at ``mark``."""
        if mark != self._mark:
            self._kept.clear()
            self._bytes, self._mark = 0, mark
            return None
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return replace(found, body=zlib.decompress(found.body)) if found.deflated else found

    def keep(self, mark: Hashable, key: Hashable, answer: Answer) -> None:
        """Keep an answer that was begun when the store stood at ``mark``."""
        if mark != self._mark:
            return
        if len(answer.body) >= _LARGE:
            answer = replace(answer, body=zlib.compress(answer.body, 1), deflated=True)
        before = self._kept.pop(key, None)
        self._bytes += len(answer.body) - (len(before.body) if before is not None else 0)
        self._kept[key] = answer
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)

    def __len__(self) -> int:
        return len(self._kept)
