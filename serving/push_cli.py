"""``tierwise deliver`` sends webhooks; ``tierwise webhooks`` lists them and sends again."""

from __future__ import annotations

import asyncio
import getpass
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.domain.push import DeliveryState
from serving.options import DatabaseUrl, Home, WorldArgument, read_settings
from serving.store.session import Database
from serving.store.webhooks import Webhooks

if TYPE_CHECKING:
    from serving.push.delivering import Deliverer

app = typer.Typer(name="push", help="Deliver webhooks.", no_args_is_help=True)
webhooks = typer.Typer(
    name="webhooks", help="List webhooks; send again what did not arrive.", no_args_is_help=True
)
app.add_typer(webhooks)
console = Console()

_INSTANT = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command()
def deliver(
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due.")] = False,
) -> None:
    """Deliver webhooks until interrupted; several may run, each message is taken by one."""
    from serving.logs import configure_logging
    from serving.push.installation import deliverer

    settings = read_settings(home=home, world=world, database_url=database)
    configure_logging(settings.log_form)
    store = Database(settings.database)
    try:
        store.upgrade()
        worker = deliverer(settings, store)
        console.print("Delivering.", highlight=False)
        asyncio.run(worker.drain() if once else _until_interrupted(worker))
        console.print(f"{worker.delivered:,} arrived, {worker.failed:,} tries failed.")
    finally:
        store.dispose()


@webhooks.command("list")
def list_webhooks(
    world: WorldArgument = None, home: Home = None, database: DatabaseUrl = None
) -> None:
    """List webhooks with what waits for them."""
    store = Database(read_settings(home=home, world=world, database_url=database).database)
    try:
        with store.read() as session:
            found = Webhooks(session).all()
            queues = Webhooks(session).queues([each.webhook_id for each in found])
    finally:
        store.dispose()
    table = Table(title="Webhooks", title_justify="left")
    for heading in ("Id", "State", "Events", *(state.value for state in DeliveryState)):
        table.add_column(heading)
    for each in found:
        counts = [f"{queues[each.webhook_id][state]:,}" for state in DeliveryState]
        table.add_row(each.webhook_id, each.state.value, ", ".join(each.event_types), *counts)
    console.print(table)


@webhooks.command()
def replay(
    webhook: Annotated[str, typer.Argument(help="Id of the webhook.")],
    world: WorldArgument = None,
    home: Home = None,
    database: DatabaseUrl = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_INSTANT, help="What happened from then on, UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=_INSTANT, help="What happened before, UTC.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also what arrived, not the dead ones alone.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who asks; kept in the audit trail.")] = "",
) -> None:
    """Send again what is dead, or with --everything all of a range of time."""
    from serving.push.subscribing import Subscriptions

    settings = read_settings(home=home, world=world, database_url=database)
    states = [DeliveryState.DEAD, *([DeliveryState.DELIVERED] if everything else [])]
    store = Database(settings.database)
    try:
        now = datetime.now(UTC).replace(tzinfo=None)
        subscriptions = Subscriptions(store, settings, by or getpass.getuser(), now)
        count = subscriptions.replay(webhook, states, since, until)
    finally:
        store.dispose()
    console.print(f"{count:,} messages will be sent again.", highlight=False)


async def _until_interrupted(worker: Deliverer) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    await worker.run(stop)
