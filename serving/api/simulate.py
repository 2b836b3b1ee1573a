"""``POST /v1/grades:simulate``: what would the grade be if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from features.schema import FloatArray
from serving.admission import json_only, known_query
from serving.alone import grade_one
from serving.api import (
    account_bytes,
    contribution_bytes,
    grade_bytes,
    presenting,
    simulation_schemas,
)
from serving.api.declared import declared
from serving.api.grades import grade_of
from serving.deps import Service, ServiceDep, served_run
from serving.domain.access import Permission, Principal
from serving.domain.grade import Basis, Grade, Run
from serving.errors import InvalidRequestError, RequestFault
from serving.governance.looks import seen_customer
from serving.governance.masking import check_part
from serving.guard import PrincipalDep, needs
from serving.problems import pointer
from serving.scoring import basis_of
from serving.sides import Answering
from serving.store.grades import Grades
from training.bundle import Bundle

router = APIRouter(
    prefix="/v1",
    tags=["grades"],
    dependencies=[needs(Permission.SIMULATE), Depends(json_only), Depends(known_query)],
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A what-if that is known to make sense; see ``simulation_schemas.Simulation``."""

    customer_id: str | None
    indicators: Mapping[str, float | None]
    explanation: bool | Literal["contributions"]


# Most what-ifs are answered before they get here, with the same result (`serving.lane.what_ifs`).
@router.post(
    "/grades:simulate",
    response_model=simulation_schemas.Simulated,
    responses=declared(400, 404, 413, 415, 422, 503),
)
async def simulate(
    request: Request, body: simulation_schemas.Simulation, parts: ServiceDep, who: PrincipalDep
) -> Response:
    """Grade a what-if by the same function as the batch; nothing is stored."""
    seen_customer(request.scope, body.customer_id)
    answer = await parts.queue.run(_answer, parts, who, body)
    return Response(answer, media_type="application/json")


def _answer(parts: Service, who: Principal, body: simulation_schemas.Simulation) -> bytes:
    by = parts.sides.of_customer(body.customer_id)
    _check(by.bundle, body)
    run, before = known(parts, body.customer_id)
    if before is not None:
        # A what-if tells what each indicator does: as much as the explanation.
        check_part(parts.governance, who, "explanation", before.tier.id)
    asked = Asked(body.customer_id, body.indicators, body.explanation)
    return simulated(by, run, before, asked)


def known(parts: Service, customer_id: str | None) -> tuple[Run, Grade | None]:
    """Return the run that is served, and the present grade of the customer in it.

    Raises
    ------
    NotReadyError
        If no run has finished yet.
    CustomerNotFoundError
        If the run has no such customer.
    """
    with parts.database.read() as session:
        store = Grades(session)
        run = served_run(store)
        if customer_id is None:
            return run, None
        before = grade_of(store, run, customer_id)
        # The grade may be asked for again and again; its indicators come packed.
        return run, replace(before, indicators=dict(before.indicators))


def simulated(by: Answering, run: Run, before: Grade | None, asked: Asked) -> bytes:
    """Return the answer to a what-if, JSON of ``simulation_schemas.Simulated``.

    Parameters
    ----------
    by
        The bundle of the customer's side.
    before
        The customer's present grade, under which the indicators asked for are laid.

    Raises
    ------
    UngradableError
        If nothing is known that could be graded.
    """
    bundle, basis = by.bundle, _basis(by, run.basis.as_of)
    values = _values(bundle, before, asked.indicators)
    explained = bool(asked.explanation)
    found = grade_one(bundle, values, asked.customer_id or "", basis, explained=explained)
    after, account, why, numbers = found.grade, found.account, b"null", b"null"
    if account is not None:
        if asked.explanation is True:
            why = account_bytes.explanation(after, account.layout, account.evidence())
        else:
            numbers = contribution_bytes.contributions(after.score, account)
    difference = presenting.difference(after, before) if before else None
    return b'{"grade":%b,"explanation":%b,"contributions":%b,"difference":%b}' % (
        grade_bytes.written(after, None),
        why,
        numbers,
        b"null" if difference is None else _bytes_of(difference),
    )


def _bytes_of(told: simulation_schemas.Difference) -> bytes:
    return told.__pydantic_serializer__.to_json(told, by_alias=True)


def _check(bundle: Bundle, body: simulation_schemas.Simulation) -> None:
    faults = [
        RequestFault(f"There is no indicator {name!r}.", pointer(["indicators", name]))
        for name in body.indicators
        if name not in bundle.columns
    ]
    if body.customer_id is None and not body.indicators:
        faults.append(RequestFault("Give a customer_id, indicators, or both.", pointer([])))
    if faults:
        raise InvalidRequestError(
            "The what-if cannot be graded.",
            faults,
            hint="`indicators` takes the names that an explanation lists.",
        )


def _values(
    bundle: Bundle, before: Grade | None, indicators: Mapping[str, float | None]
) -> FloatArray:
    """Return ``(1, k)`` values: the present ones, if any, under those asked for."""
    given = {**before.indicators, **indicators} if before is not None else indicators
    columns = bundle.columns
    # of None numpy makes NaN
    return np.fromiter(map(given.get, columns), np.float64, len(columns)).reshape(1, -1)


_BASES: WeakKeyDictionary[Bundle, Basis] = WeakKeyDictionary()


def _basis(by: Answering, as_of: date) -> Basis:
    """Return what a what-if of a day rests on; made once for a bundle and day."""
    found = _BASES.get(by.bundle)
    if found is None or (found.as_of, found.canary) != (as_of, by.canary):
        found = replace(basis_of(by.bundle, as_of, run_id=None), canary=by.canary)
        _BASES[by.bundle] = found
    return found
