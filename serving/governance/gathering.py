"""What was read and is not written yet: pages of the log of reads, made with each request.

Whoever writes a page has one text and one tally for each principal, and nothing left to do for
each read: a loop over thousands of them would hold the interpreter, and with it every request
that comes by just then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from serving.domain.reading import Read, line_of, page_of
from serving.governance.bulk import Seen

PAGE = 5_000
"""Reads of a page, at most."""


@dataclass(slots=True)
class Page:
    """Reads in their order.

    Attributes
    ----------
    lines
        The `line_of` each read.
    seen
        By principal, whom they saw.
    """

    lines: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, read: Read) -> None:
        """Add one read."""
        self.lines.append(line_of(read))
        seen = self.seen.get(read.principal)
        if seen is None:
            seen = self.seen[read.principal] = Seen(read.at, read.at)
        seen.add(read.customer_id, read.at, read.customers)

    def text(self) -> str:
        """Return what is hashed and handed to the store."""
        return page_of(self.lines)


class Gathering:
    """Pages in memory, with at most ``bound`` reads; of many threads.

    Attributes
    ----------
    waiting
        Reads that are not written yet, those of `take` among them.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._pages: deque[Page] = deque()
        self._lock = Lock()
        self.waiting = 0

    def add(self, read: Read) -> bool:
        """Add one read; False: there is no room for it."""
        with self._lock:
            if self.waiting >= self._bound:
                return False
            if not self._pages or len(self._pages[-1].lines) >= PAGE:
                self._pages.append(Page())
            self._pages[-1].add(read)
            self.waiting += 1
            return True

    def take(self) -> tuple[Page, ...]:
        """Return all that there is, oldest first; what comes by from now on is another page."""
        with self._lock:
            pages, self._pages = self._pages, deque()
        return tuple(pages)

    def written(self, page: Page) -> None:
        """Say that a page is in the store."""
        with self._lock:
            self.waiting -= len(page.lines)

    def give_back(self, pages: Sequence[Page]) -> None:
        """Put pages that could not be written back to where they were."""
        with self._lock:
            self._pages.extendleft(reversed(pages))
