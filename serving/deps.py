"""What endpoints are handed: the service's parts and one read transaction.

A request keeps its connection over several turns on a thread. Were there no limit, a crowd
could hold all connections and wait for threads, while all threads wait for connections; so
only as many requests as the store plans for hold one, and the others wait without a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from serving.admission import Queue
from serving.domain.grade import Run
from serving.errors import NotReadyError
from serving.governance.policy import GovernancePolicy
from serving.governance.reads import ReadLog
from serving.leaving import Leaving
from serving.models import ModelHolder
from serving.settings import Settings
from serving.sides import Sides
from serving.single import SingleCustomers
from serving.store.alerts import AlertStore
from serving.store.audit_events import AuditEvents
from serving.store.grades import Grades
from serving.store.recoveries import Recoveries
from serving.store.reviews import Reviews
from serving.store.session import READERS, Database, Session
from serving.store.trail import Trail
from serving.telemetry import Telemetry
from tiering.panel.policy import PanelPolicy


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one running service, built once in ``serving.app.create_app``."""

    settings: Settings
    database: Database
    models: ModelHolder
    telemetry: Telemetry
    queue: Queue
    governance: GovernancePolicy
    reads: ReadLog
    single: SingleCustomers
    sides: Sides
    panel: PanelPolicy
    trail: Trail = field(default_factory=Trail)
    leaving: Leaving = field(default_factory=Leaving)


def service(request: Request) -> Service:
    """Return the service that answers a request."""
    parts: Service = request.app.state.service
    return parts


async def _service(request: Request) -> Service:
    # A plain function would be sent to a thread for this.
    return service(request)


ServiceDep = Annotated[Service, Depends(_service)]


def read_session(parts: ServiceDep) -> Iterator[Session]:
    """Open the one transaction of a request."""
    with parts.database.read() as session:
        yield session


SessionDep = Annotated[
    Session,
    # Ends before the answer is sent: a slow reader keeps no connection.
    Depends(read_session, scope="function", max_concurrency=READERS),
]


async def grades(session: SessionDep) -> Grades:
    """Return the grades as of the request's transaction."""
    return Grades(session)


async def reviews(session: SessionDep) -> Reviews:
    """Return the review cases as of the request's transaction."""
    return Reviews(session)


async def alerts(session: SessionDep) -> AlertStore:
    """Return the alerts as of the request's transaction."""
    return AlertStore(session)


async def recoveries(session: SessionDep) -> Recoveries:
    """Return the cases of customers under observation as of the request's transaction."""
    return Recoveries(session)


async def audit_events(session: SessionDep) -> AuditEvents:
    """Return the audit trail as of the request's transaction."""
    return AuditEvents(session)


AuditEventsDep = Annotated[AuditEvents, Depends(audit_events)]
AlertsDep = Annotated[AlertStore, Depends(alerts)]
GradesDep = Annotated[Grades, Depends(grades)]
RecoveriesDep = Annotated[Recoveries, Depends(recoveries)]
ReviewsDep = Annotated[Reviews, Depends(reviews)]


def served_run(store: Grades) -> Run:
    """Return the run that is served.

    Raises
    ------
    NotReadyError
        If no run has finished yet.
    """
    run = store.current_run()
    if run is None:
        raise NotReadyError(
            "No customers have been graded yet.",
            hint="Run tierwise batch, or tierwise demo for everything at once.",
        )
    return run
