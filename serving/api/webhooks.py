"""``/v1/webhooks``: who is told what happens, and how that went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from serving.admission import json_only, known_query
from serving.api import webhook_presenting as presenting
from serving.api import webhook_schemas as schemas
from serving.api.declared import declared
from serving.api.grades import Cursor, Limit, next_address
from serving.deps import ServiceDep, SessionDep
from serving.domain.access import Permission
from serving.domain.push import DeliveryState, Webhook
from serving.guard import PrincipalDep, needs
from serving.push.installation import source_of
from serving.push.keys import load_key
from serving.push.subscribing import Subscriptions, Wish, found
from serving.store.deliveries import Deliveries
from serving.store.session import Session
from serving.store.webhooks import Webhooks

router = APIRouter(
    prefix="/v1",
    tags=["webhooks"],
    dependencies=[Depends(known_query), needs(Permission.WEBHOOKS_MANAGE)],
)

WebhookId = Annotated[str, Path(description="As in the list of webhooks.", max_length=40)]
_WRITES = declared(400, 404, 413, 415, 422, 503)
_JSON = [Depends(json_only)]


async def _subscriptions(parts: ServiceDep, who: PrincipalDep) -> Subscriptions:
    return Subscriptions(parts.database, parts.settings, who.id, _now())


SubscriptionsDep = Annotated[Subscriptions, Depends(_subscriptions)]


@router.get("/webhooks", responses=declared(422, 503))
def list_webhooks(
    session: SessionDep, parts: ServiceDep, limit: Limit = None, cursor: Cursor = None
) -> schemas.WebhookList:
    """List webhooks."""
    page = Webhooks(session).page(limit=limit or parts.settings.page_size, cursor=cursor)
    query = {"limit": limit, "cursor": page.cursor}
    return schemas.WebhookList(
        items=_presented(session, page.items),
        total=page.total,
        cursor=page.cursor,
        next=next_address("/v1/webhooks", query),
    )


@router.post(
    "/webhooks",
    status_code=201,
    responses=declared(400, 413, 415, 422, 503),
    dependencies=_JSON,
)
def create_webhook(body: schemas.NewWebhook, who: SubscriptionsDep) -> schemas.WebhookSecret:
    """Make a webhook. Its secret is in this answer and in no other."""
    wish = Wish(body.url, tuple(body.event_types), body.description, body.paused)
    made, secret = who.create(wish, load_key(who.settings))
    return schemas.WebhookSecret(webhook=_one(who, made), secret=secret)


@router.get("/webhooks/{webhook_id}", responses=declared(404, 422, 503))
def read_webhook(webhook_id: WebhookId, session: SessionDep) -> schemas.Webhook:
    """Read a webhook."""
    return _presented(session, [found(session, webhook_id)])[0]


@router.patch("/webhooks/{webhook_id}", responses=_WRITES, dependencies=_JSON)
def change_webhook(
    webhook_id: WebhookId, body: schemas.WebhookChange, who: SubscriptionsDep
) -> schemas.Webhook:
    """Change a webhook: pause it, let it go on, send it elsewhere or other things."""
    types = None if body.event_types is None else tuple(body.event_types)
    wish = Wish(body.url, types, body.description, body.paused)
    return _one(who, who.change(webhook_id, wish))


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=declared(404, 422, 503))
def remove_webhook(webhook_id: WebhookId, who: SubscriptionsDep) -> None:
    """Remove a webhook with all that was to be sent to it."""
    who.remove(webhook_id)


@router.post("/webhooks/{webhook_id}/rotate", responses=_WRITES, dependencies=_JSON)
def rotate_secret(
    webhook_id: WebhookId, body: schemas.Rotation, who: SubscriptionsDep
) -> schemas.WebhookSecret:
    """Give a webhook a new secret; for a while messages are signed with both."""
    overlap = timedelta(hours=body.overlap_hours)
    after, secret = who.rotate(webhook_id, load_key(who.settings), overlap)
    return schemas.WebhookSecret(webhook=_one(who, after), secret=secret)


@router.post("/webhooks/{webhook_id}/test", responses=declared(404, 422, 503))
async def test_webhook(
    webhook_id: WebhookId, session: SessionDep, who: SubscriptionsDep
) -> schemas.Attempt:
    """Send `tierwise.webhook.test.v1` now, and tell how it went."""
    return presenting.attempt(await who.test(found(session, webhook_id), load_key(who.settings)))


@router.get("/webhooks/{webhook_id}/deliveries", responses=declared(404, 422, 503))
def list_deliveries(
    webhook_id: WebhookId,
    session: SessionDep,
    parts: ServiceDep,
    state: Annotated[DeliveryState | None, Query(description="Only those of this state.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> schemas.DeliveryList:
    """List what was, is or could not be sent to a webhook, newest first."""
    found(session, webhook_id)
    page = Deliveries(session).page(
        webhook_id, state=state, limit=limit or parts.settings.page_size, cursor=cursor
    )
    query = {"state": state, "limit": limit, "cursor": page.cursor}
    source = source_of(parts.settings)
    return schemas.DeliveryList(
        items=[presenting.delivery(each, source) for each in page.items],
        total=page.total,
        cursor=page.cursor,
        next=next_address(f"/v1/webhooks/{webhook_id}/deliveries", query),
    )


@router.post("/webhooks/{webhook_id}/replay", responses=_WRITES, dependencies=_JSON)
def replay_deliveries(
    webhook_id: WebhookId, body: schemas.Replay, who: SubscriptionsDep
) -> schemas.Replayed:
    """Send again what is dead, or everything of a range of time."""
    states = [DeliveryState.DEAD]
    if body.what == "everything":
        states.append(DeliveryState.DELIVERED)
    return schemas.Replayed(messages=who.replay(webhook_id, states, body.since, body.until))


def _one(who: Subscriptions, webhook: Webhook) -> schemas.Webhook:
    with who.database.read() as session:
        return _presented(session, [webhook])[0]


def _presented(session: Session, webhooks: Sequence[Webhook]) -> list[schemas.Webhook]:
    queues = Webhooks(session).queues([each.webhook_id for each in webhooks])
    now = _now()
    return [presenting.webhook(each, queues[each.webhook_id], now) for each in webhooks]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
