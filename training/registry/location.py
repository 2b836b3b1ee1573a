"""Where a registry is: by default below the home folder, elsewhere by URL.

``sqlite:///FILE``, ``postgresql+psycopg://USER@HOST/DATABASE`` or ``http(s)://HOST`` of an
MLflow tracking server. The ledger and the rule for promotions lie in the artifact root, a
folder, whichever it is: all who promote must see the same one. Passwords are never shown.
"""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from training.errors import RegistryError
from training.registry.registry import Registry

URL_VARIABLE = "TIERWISE_REGISTRY"
ARTIFACTS_VARIABLE = "TIERWISE_ARTIFACTS"

_PORTS = {"http": 80, "https": 443, "postgresql+psycopg": 5432}
_PATIENCE = 5.0


def open_registry(home: Path, url: str = "", artifacts: Path | None = None) -> Registry:
    """Return a registry.

    Parameters
    ----------
    home
        Root of all state; ``mlflow.db`` and ``mlartifacts`` below it are the defaults.
    url
        MLflow store or tracking server; empty for the default.
    artifacts
        Artifact root; None for the default.

    Raises
    ------
    RegistryError
        If the URL is of another kind, its driver is not installed, or nobody answers there.
    """
    root = artifacts or home / "mlartifacts"
    if not url:
        return Registry(f"sqlite:///{(home / 'mlflow.db').resolve()}", root)
    scheme = urlsplit(url).scheme
    if scheme not in ("sqlite", *_PORTS):
        raise RegistryError(
            f"A registry cannot be reached by {scheme or 'nothing'}://.",
            hint="Give sqlite:///FILE, postgresql+psycopg://USER@HOST/DATABASE, or the http(s) "
            "address of an MLflow tracking server.",
        )
    if scheme == "postgresql+psycopg" and find_spec("psycopg") is None:
        raise RegistryError(
            "A registry in PostgreSQL needs the package psycopg.",
            hint="Install tierwise with its extra `postgres`.",
        )
    if scheme in _PORTS:
        _check_that_somebody_answers(url)
    return Registry(url, root)


def _check_that_somebody_answers(url: str) -> None:
    """Fail in seconds, where MLflow would try for minutes."""
    parts = urlsplit(url)
    if not parts.hostname:  # PostgreSQL by a local socket
        return
    address = parts.hostname, parts.port or _PORTS[parts.scheme]
    try:
        socket.create_connection(address, _PATIENCE).close()
    except OSError as error:
        raise RegistryError(
            f"The registry at {address[0]}:{address[1]} does not answer: {error}.",
            hint="Is it running, and is --registry right?",
        ) from error
