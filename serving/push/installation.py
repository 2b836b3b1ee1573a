"""What an installation's settings mean for its webhooks."""

from __future__ import annotations

from serving.push.addresses import AddressRules
from serving.push.delivering import Deliverer
from serving.push.keys import load_key
from serving.settings import Settings
from serving.store.session import Database


def rules_of(settings: Settings) -> AddressRules:
    """Return which addresses an installation may reach: itself only in development."""
    return AddressRules(settings.push.allow, loopback=settings.environment == "development")


def source_of(settings: Settings) -> str:
    """Return the CloudEvents source of an installation's messages."""
    return f"urn:tierwise:{settings.world}"


def deliverer(settings: Settings, database: Database) -> Deliverer:
    """Return the worker of an installation.

    Raises
    ------
    NotReadyError
        If its key cannot be read or made.
    """
    return Deliverer(
        database, settings.push, load_key(settings), rules_of(settings), source_of(settings)
    )
