"""What endpoints are handed: the service's parts, one read transaction, the served run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from serving.domain.grade import Run
from serving.errors import NotReadyError
from serving.models import ModelHolder
from serving.settings import Settings
from serving.store.grades import Grades
from serving.store.reviews import Reviews
from serving.store.session import Database, Session
from serving.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one running service, built once in ``serving.app.create_app``."""

    settings: Settings
    database: Database
    models: ModelHolder
    telemetry: Telemetry


def service(request: Request) -> Service:
    """Return the service that answers a request."""
    parts: Service = request.app.state.service
    return parts


ServiceDep = Annotated[Service, Depends(service)]


def read_session(parts: ServiceDep) -> Iterator[Session]:
    """Open the one transaction of a request."""
    with parts.database.read() as session:
        yield session


SessionDep = Annotated[Session, Depends(read_session)]


def grades(session: SessionDep) -> Grades:
    """Return the grades as of the request's transaction."""
    return Grades(session)


def reviews(session: SessionDep) -> Reviews:
    """Return the review cases as of the request's transaction."""
    return Reviews(session)


GradesDep = Annotated[Grades, Depends(grades)]
ReviewsDep = Annotated[Reviews, Depends(reviews)]


def served_run(store: GradesDep) -> Run:
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


RunDep = Annotated[Run, Depends(served_run)]
