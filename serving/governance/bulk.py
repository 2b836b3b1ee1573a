"""Reading in bulk (#103): how many customers each principal saw within a window.

Counting in the store takes time in proportion to everything read within the window, and is wanted
with every page of the log. So it is asked there once, when somebody begins to read, and carried
forward by what is read from then on: by this process, and by others, whose pages are in the store.
What this process reads is counted with each request (`serving/governance/gathering.py`), so that a
page adds its customers in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serving.governance.policy import Reading
from serving.store.reads import Reads


@dataclass(slots=True)
class Seen:
    """What one principal saw: customers with when last, and lists with their lengths.

    Attributes
    ----------
    first, last
        Instants of the earliest and of the latest look, naive UTC.
    """

    first: datetime
    last: datetime
    customers: dict[str, datetime] = field(default_factory=dict)
    lists: list[tuple[datetime, int]] = field(default_factory=list)

    def add(self, customer_id: str | None, at: datetime, customers: int) -> None:
        """Add one look."""
        if at > self.last:
            self.last = at
        elif at < self.first:
            self.first = at
        if customer_id is not None:
            before = self.customers.get(customer_id)
            if before is None or at > before:
                self.customers[customer_id] = at
        elif customers:
            self.lists.append((at, customers))

    def join(self, other: Seen) -> None:
        """Add what the same principal saw besides."""
        if other.first >= self.last:
            # As ever, unless somebody set the clock back: one call, however many customers.
            self.customers.update(other.customers)
        else:
            for customer_id, at in other.customers.items():
                self.add(customer_id, at, 1)
        self.lists += other.lists
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)

    def count(self) -> int:
        """Return how many customers that makes: each once, and lists by their lengths."""
        return len(self.customers) + sum(customers for _, customers in self.lists)

    def forget(self, since: datetime) -> None:
        """Drop what was seen before an instant."""
        self.customers = {each: at for each, at in self.customers.items() if at >= since}
        self.lists = [(at, customers) for at, customers in self.lists if at >= since]


class BulkWatch:
    """Counts what is read in one store; of one thread.

    Who is over the limit is not carried on: the alarm is raised once a window, and until the
    next may be due there is nothing to count.
    """

    def __init__(self, policy: Reading) -> None:
        self._policy = policy
        self.window_minutes = policy.window_minutes
        self._seen: dict[str, Seen] = {}
        self._alarmed: dict[str, datetime] = {}
        self._number = 0

    def since(self, now: datetime) -> datetime:
        """Return where the window that ends now begins."""
        return now - timedelta(minutes=self.window_minutes)

    def limit(self, now: datetime) -> tuple[int, bool]:
        """Return how many customers raise the alarm now, and whether it is off hours."""
        off_hours = not self._policy.at_work(now)
        policy = self._policy
        return (policy.customers_off_hours if off_hours else policy.customers_at_work), off_hours

    def forget(self) -> None:
        """Begin anew: what was counted last may not have been written."""
        self._seen.clear()
        self._alarmed.clear()

    def alarmed(self, principal: str, at: datetime) -> None:
        """Say that an alarm about somebody was raised at that instant."""
        self._alarmed[principal] = at
        self._seen.pop(principal, None)

    def others(self, store: Reads) -> None:
        """Take in what other processes wrote; before this one adds its page."""
        if self._seen and store.last() > self._number:
            for principal, customer_id, at, customers in store.after(self._number):
                if (seen := self._seen.get(principal)) is not None:
                    seen.add(customer_id, at, customers)

    def over(self, store: Reads, page: Mapping[str, Seen], now: datetime) -> list[tuple[str, int]]:
        """Return who of a page that was just added reached the limit, and how many they saw.

        Parameters
        ----------
        page
            By principal, what the page says.
        """
        since, (limit, _) = self.since(now), self.limit(now)
        self._number = store.last()
        for principal, looks in page.items():
            if (seen := self._seen.get(principal)) is not None:
                seen.join(looks)
        found = []
        for principal in page:
            raised = self._alarmed.get(principal)
            if raised is not None and raised > since:
                continue
            count = self._count(store, principal, since, limit)
            if count >= limit:
                found.append((principal, count))
        for principal in [who for who, seen in self._seen.items() if seen.last < since]:
            del self._seen[principal]
        return found

    def _count(self, store: Reads, principal: str, since: datetime, limit: int) -> int:
        seen = self._seen.get(principal)
        if seen is None:
            count = store.customers_read(principal, since)
            if count < limit:
                seen = self._seen[principal] = Seen(since, since)
                for each in store.latest_of(principal, since):
                    seen.add(*each)
            return count
        if seen.count() >= limit:  # of the window, and of a little before
            seen.forget(since)
        return seen.count()
