"""``POST /v1/grades:simulateFromEvents``: the grade of a customer told by raw events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from fastapi import APIRouter, Depends, Response

from features.contract import CONTRACT, REASONS, suggest
from features.errors import ContractError, SourceNotFoundError
from features.manifest import Manifest, file_hash
from features.schema import CATALOGUE
from features.single.question import OTHER_CURRENCY, Question, Told
from serving.admission import FROM_EVENTS, json_only, known_query
from serving.api import presenting
from serving.api.declared import declared
from serving.api.event_schemas import (
    MAX_ROWS,
    NotFromEvents,
    RejectedRow,
    SimulatedFromEvents,
    SimulationFromEvents,
)
from serving.api.parts import Text
from serving.api.simulate import known
from serving.deps import Service, ServiceDep
from serving.domain.access import Permission
from serving.errors import InvalidRequestError, NotReadyError, RequestFault
from serving.guard import needs
from serving.problems import pointer
from serving.scoring import basis_of, grade, grade_alone
from serving.settings import Settings
from training.bundle import Bundle

router = APIRouter(
    tags=["grades"],
    dependencies=[needs(Permission.SIMULATE), Depends(json_only), Depends(known_query)],
)

_OTHER_CURRENCY = ("another currency than the world's", "币种与本数据集不符")


@router.post(
    FROM_EVENTS,
    response_model=SimulatedFromEvents,
    responses=declared(400, 413, 415, 422, 503),
)
async def simulate_from_events(body: SimulationFromEvents, parts: ServiceDep) -> Response:
    """Make the indicators of posted rows as a nightly run would, and grade them.

    The customer need not be known; nothing is stored, and nothing that is stored about a
    customer of the same id is read. Indicators that need other customers are listed and graded
    as unknown. It takes a second or two.
    """
    told = await parts.single.run(_answer, parts, body)
    return Response(told, media_type="application/json")


def _answer(parts: Service, body: SimulationFromEvents) -> bytes:
    by = parts.sides.of_customer(_customer(body))
    bundle = by.bundle
    question = _question(parts, body, bundle)
    told = parts.single.ask(question)
    if not told.indicators:
        raise _no_order(told)
    values = np.array([[told.indicators.get(name) for name in bundle.columns]], dtype=np.float64)
    customer = [_customer(body)]
    basis = replace(basis_of(bundle, question.as_of, run_id=None), canary=by.canary)
    if body.explanation:
        graded = grade(bundle, values, customer, basis)
        after = graded.grades[0]
        why = presenting.explanation(after, graded.explanations.of(0, after))
    else:
        (after,), why = grade_alone(bundle, values, customer, basis), None
    answer = SimulatedFromEvents(
        grade=presenting.grade(after, None),
        explanation=why,
        indicators=dict(told.indicators),
        rejected=_rejected(told),
        not_from_events=_not_from_events(question),
        not_used=_not_used(body, question),
    )
    return answer.__pydantic_serializer__.to_json(answer, by_alias=True)


def _question(parts: Service, body: SimulationFromEvents, bundle: Bundle) -> Question:
    faults = list(_faults(body, bundle))
    if faults:
        raise InvalidRequestError(
            "The rows cannot be graded.",
            faults,
            hint="docs/source-contract.md lists the tables and columns.",
        )
    manifest = _manifest(parts.settings, bundle)
    as_of = body.as_of or known(parts, None)[0].basis.as_of
    return Question(
        as_of=as_of,
        currency=manifest.currency,
        columns=manifest.columns,
        market=_market(parts.settings, manifest),
        rows={name: rows for name, rows in body.rows().items() if name in manifest.columns},
    )


def _customer(body: SimulationFromEvents) -> str:
    return body.customer_id or next((name for _, _, name in _named(body)), "")


def _named(body: SimulationFromEvents) -> Iterator[tuple[str, int, str]]:
    """Yield table, place and customer of each row that names one."""
    for table, rows in body.rows().items():
        for place, row in enumerate(rows):
            name = str(row.get("customer_id") or "").strip()
            if name:
                yield table, place, name


def _faults(body: SimulationFromEvents, bundle: Bundle) -> Iterator[RequestFault]:
    rows = body.rows()
    count = sum(map(len, rows.values()))
    if count > MAX_ROWS:
        yield RequestFault(f"{count:,} rows; at most {MAX_ROWS:,} are taken.", pointer([]))
        return
    currency = bundle.meta.currency
    if body.currency is not None and body.currency.upper() != currency:
        yield RequestFault(f"Amounts must be in {currency}.", pointer(["currency"]))
    for table, of_table in rows.items():
        unknown = {name for row in of_table for name in row} - set(CONTRACT[table].column_names)
        for name in sorted(unknown):
            place = next(place for place, row in enumerate(of_table) if name in row)
            hint = suggest(name, CONTRACT[table].column_names)
            yield RequestFault(
                f"{table} has no column {name!r}{hint}.", pointer([table, place, name])
            )
    customer = _customer(body)
    for table, place, name in _named(body):
        if name != customer:
            yield RequestFault(
                "The row is of another customer.", pointer([table, place, "customer_id"])
            )


def _manifest(settings: Settings, bundle: Bundle) -> Manifest:
    """Return what the world's published snapshots say of its tables and columns.

    Raises
    ------
    NotReadyError
        If they do not say it, or are of another world than the bundle.
    """
    try:
        manifest = Manifest.load(settings.published)
    except (SourceNotFoundError, ContractError) as error:
        raise NotReadyError(
            "The world's published snapshots are not here, which say what it knows of a customer.",
            hint="Publish them into the folder of the world: tierwise features publish.",
        ) from error
    meta = bundle.meta
    if (manifest.world, manifest.currency) != (meta.world, meta.currency):
        raise NotReadyError(
            f"The published snapshots are of world {manifest.world!r}, "
            f"the bundle of {meta.world!r}.",
            hint="Publish the world that the bundle was trained on.",
        )
    if "orders" not in manifest.columns:
        raise NotReadyError(
            "The published snapshots do not say which columns the world has.",
            hint="Publish them again with this version.",
        )
    return manifest


def _market(settings: Settings, manifest: Manifest) -> str:
    """Return the file of the market table that was published from, empty where it is not here."""
    path = settings.sources / "market.parquet"
    known = "market" in manifest.columns and path.is_file()
    same = known and file_hash(path) == manifest.sources.get("market")
    return str(path.resolve()) if same else ""


def _no_order(told: Told) -> InvalidRequestError:
    faults = [
        RequestFault(_reason(row.reason).en, pointer([row.table, row.row, row.column]))
        for row in told.rejected
        if row.table == "orders"
    ]
    return InvalidRequestError(
        "No order of the customer counts by that day, and without one there is no grade.",
        faults,
        hint="Post at least one order that is no return, was not cancelled and lies by `as_of`.",
    )


def _rejected(told: Told) -> list[RejectedRow]:
    return [
        RejectedRow(
            table=row.table,
            row=row.row,
            reason=row.reason,
            column=row.column or None,
            text=_reason(row.reason),
        )
        for row in told.rejected
    ]


def _reason(code: str) -> Text:
    en, zh = _OTHER_CURRENCY if code == OTHER_CURRENCY else REASONS[code]
    return presenting.text_of(en, zh)


def _not_from_events(question: Question) -> list[NotFromEvents]:
    return [
        NotFromEvents(
            indicator=name,
            label=presenting.text_of(CATALOGUE[name].label_en, CATALOGUE[name].label_zh),
            needs=what,
            treatment="unknown",
        )
        for name, what in question.missing().items()
    ]


def _not_used(body: SimulationFromEvents, question: Question) -> list[str]:
    """Return the columns with a value that the world does not have."""
    return [
        f"{table}.{name}"
        for table, rows in body.rows().items()
        for name in CONTRACT[table].column_names
        if name not in question.columns.get(table, ())
        and name != "customer_id"
        and any(row.get(name) is not None for row in rows)
    ]
