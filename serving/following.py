"""What follows from a run once it is served: review cases, observation, who moved to another tier.

A run of a million has hundreds of thousands of cases. So it is told customer by customer, some at
a time, each time in a transaction that also notes how far it came (`serving.store.steps`): if the
batch dies, the next one goes on where it stopped. A small run is told in the transaction that lets
it be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from serving.audit import record
from serving.domain.grade import Grade, Run
from serving.errors import BatchError
from serving.nightly.landing import discard_dead
from serving.nightly.pace import Pace
from serving.nightly.tier_changes import Change, tier_changes, told
from serving.reviewing.observing import observe
from serving.reviewing.queue import QueueRenewal
from serving.store.engines import make_room
from serving.store.followed import Followed, followed
from serving.store.grades import Grades
from serving.store.session import Database, Session
from serving.store.steps import RunSteps, Telling
from tiering.panel.policy import PanelPolicy


@dataclass(slots=True)
class Counts:
    """How many cases were opened, are still live, and were withdrawn; how many customers moved."""

    opened: int = 0
    kept: int = 0
    withdrawn: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class _Next:
    """The next customers, as far as something follows: behind the last told of, up to ``upto``."""

    customers: int
    last: bool
    upto: str
    found: Sequence[Followed]
    referred: Sequence[Grade]
    changes: Sequence[Change]


class Following:
    """Tells what follows from a run.

    Parameters
    ----------
    run
        It is served.
    served
        The run that was served before; None: there was none.
    panel
        By which review cases are opened.
    after
        The last customer of whom all is told already.
    """

    def __init__(
        self, run: Run, served: Run | None, pace: Pace, panel: PanelPolicy, after: str = ""
    ) -> None:
        self.counts = Counts()
        self.over = False
        self._panel = panel
        self._run, self._served, self._pace, self._after = run, served, pace, after

    def some(self, session: Session) -> int:
        """Tell of the next customers in the transaction of a session; return of how many."""
        return self._tell(session, self._next(session))

    def _next(self, session: Session) -> _Next:
        """Read the next customers, who are what they are: both runs are written."""
        found = followed(session, self._run, self._after, self._pace.size)
        before = self._served.run_id if self._served else None
        served = Grades(session).held_in(before, [each.customer_id for each in found])
        return _Next(
            customers=len(found),
            last=len(found) < self._pace.size,
            upto=found[-1].customer_id if found else self._after,
            found=found,
            referred=[each.brief(self._run) for each in found if each.referred],
            changes=tier_changes(found, served, self._run.basis),
        )

    def _tell(self, session: Session, some: _Next) -> int:
        make_room(session.connection())
        run, counts = self._run, self.counts
        upto = None if some.last else some.upto
        between = (self._after, upto)
        queue = QueueRenewal(session, run.finished_at, self._panel, between)
        happenings = queue.see(some.referred)
        happenings += queue.finish(run.actor)
        happenings += observe(session, run, self._panel, between, some.found)
        happenings += told(some.changes, run.basis)
        record(session, happenings, at=run.finished_at, actor=run.actor)
        counts.opened += queue.changes.opened
        counts.kept += queue.changes.kept
        counts.withdrawn += queue.changes.withdrawn
        counts.moved += len(some.changes)
        self._after, self.over = some.upto, some.last
        if not self.over:
            before = self._served.run_id if self._served else None
            RunSteps(session).told(Telling(run.run_id, before, self._after))
        else:
            RunSteps(session).end(run.run_id)
        return some.customers

    def to_the_end(self, database: Database, done: int, tell: Callable[[int], None]) -> Counts:
        """Tell of all others; ``tell`` is called with of how many it was told, ``done`` so far."""
        tell(done)
        while not self.over:
            # Read while others may write.
            with database.read() as session:
                some = self._next(session)
            with self._pace.timed(some.customers), database.write() as session:
                done += self._tell(session, some)
            tell(done)
        return self.counts


@contextmanager
def alone(database: Database, panel: PanelPolicy) -> Iterator[None]:
    """Be the one batch that writes, with nothing left to do of those that died before.

    Raises
    ------
    BatchError
        If another one writes.
    """
    with database.place() as free:
        if not free:
            raise BatchError(
                "Another batch is writing; nothing was written.",
                hint="Run it again when the other is done, if it is still wanted then.",
            )
        discard_dead(database)
        _finish(database, panel)
        yield


def catch_up(database: Database, panel: PanelPolicy) -> None:
    """Finish what a batch left that died when its run was served already."""
    with database.place() as free:
        if free:  # else it is alive, and does it
            _finish(database, panel)


def _finish(database: Database, panel: PanelPolicy) -> None:
    with database.read() as session:
        left = RunSteps(session).telling()
        store = Grades(session)
        run = None if left is None else store.run(left.run_id)
        served = None
        if left is not None and left.served_run_id is not None:
            served = store.run(left.served_run_id)
    if left is not None and run is not None:
        again = Following(run, served, Pace(), panel, left.told_to)
        again.to_the_end(database, 0, lambda _done: None)
