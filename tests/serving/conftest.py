"""A small real bundle: models fitted by the product's own code on a simulated order log."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.manifest import Entry, Manifest, file_hash
from features.parquet import write_frame
from features.schema import IndicatorFrame
from serving.access.keys import create_key
from serving.app import create_app
from serving.batch import BatchResult, run_batch
from serving.domain.access import LOCAL, Permission, Role
from serving.settings import Settings
from serving.store.session import Database
from tests.blank_store import blank_store
from tests.postgres import MISSING, Postgres, running
from tests.serving.furnishing import furnish, write_manifest
from tests.serving.order_log import (
    CUSTOMERS,
    FIT_DAYS,
    RECIPE,
    SERVED_DAY,
    Later,
    OrderLog,
    origin,
)
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.fitting import Provenance, fit_bundle
from training.recipe import Recipe, parse_recipe


@pytest.fixture(scope="session", autouse=True)
def _no_giving_way() -> Iterator[None]:
    """A batch run inside a test must not slow down all tests behind it, for good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERWISE_BATCH_PRIORITY", "normal")
        yield


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    return parse_recipe(RECIPE)


@pytest.fixture(scope="session")
def order_log() -> OrderLog:
    return OrderLog(CUSTOMERS, seed=11)


@pytest.fixture(scope="session")
def bundle(order_log: OrderLog) -> Bundle:
    return fit_bundle(
        order_log.training_set((*FIT_DAYS, SERVED_DAY)),
        origin(),
        parse_recipe(RECIPE),
        load_scheme(),
        Provenance("small", "EUR", simulated=True, data_fingerprint="f" * 64, code_version="test"),
    )


@pytest.fixture
def later(frame: IndicatorFrame) -> Later:
    def made(days: int, share: float) -> IndicatorFrame:
        values = frame.values.copy()
        money = [i for i, name in enumerate(frame.columns) if name.startswith("net_amount_")]
        values[:, money] *= share
        return replace(frame, as_of=frame.as_of + timedelta(days=days), values=values)

    return made


@pytest.fixture(scope="session")
def bundle_dir(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    bundle.with_version("3").save(folder)
    return folder


@pytest.fixture(scope="session")
def served_bundle(bundle_dir: Path) -> Bundle:
    return Bundle.load(bundle_dir)


@pytest.fixture(scope="session")
def frame(order_log: OrderLog) -> IndicatorFrame:
    return order_log.frame(SERVED_DAY)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of this process; started by the first test that asks."""
    if MISSING:
        pytest.skip(MISSING)
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each of the databases that the store knows; a test that asks runs on both."""
    return str(request.param)


@pytest.fixture
def empty_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database without tables."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.empty()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def store_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a store with its schema and nothing in it."""
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.db'}"
        store = blank_store(url)
        store.dispose()
        yield url
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.migrated()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """A store with its schema and nothing in it, on each engine."""
    store = Database(store_url)
    yield store
    store.dispose()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def settings(home: Path, bundle_dir: Path) -> Settings:
    return Settings(home=home, world="small", environment="test", bundle_dir=bundle_dir)


@pytest.fixture(scope="session")
def graded(settings: Settings, served_bundle: Bundle, frame: IndicatorFrame) -> BatchResult:
    """The run that `client` serves; nothing may write to its store."""
    store = blank_store(settings.database)
    result = run_batch(served_bundle, frame, store)
    store.dispose()
    return result


@pytest.fixture(scope="session")
def app(settings: Settings, graded: BatchResult, bundle: Bundle) -> Iterator[FastAPI]:
    furnish(settings, bundle.digest)
    application = create_app(settings)
    yield application
    application.state.service.single.close()
    application.state.database.dispose()


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def guarded_copy(
    settings: Settings, graded: BatchResult, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    """Return a function that copies the store and settles that everybody has to say who asks."""

    def copied(**changed: object) -> Settings:
        home = tmp_path_factory.mktemp("guarded")
        mine = settings.model_copy(
            update={
                "home": home,
                "access": "on",
                "rate_limit": 0,
                "anonymous_rate_limit": 0,
                "sign_in_per_minute": 0,
                **changed,
            }
        )
        mine.state.mkdir()
        with (
            closing(sqlite3.connect(settings.state / "tierwise.db")) as source,
            closing(sqlite3.connect(mine.state / "tierwise.db")) as target,
        ):
            source.backup(target)
        return mine

    return copied


@pytest.fixture(scope="session")
def guarded(guarded_copy: Callable[..., Settings]) -> Iterator[FastAPI]:
    """The service with access control on; tests may add keys and accounts of their own."""
    mine = guarded_copy()
    write_manifest(mine.published)
    application = create_app(mine)
    yield application
    application.state.service.single.close()
    application.state.database.dispose()


@pytest.fixture(scope="session")
def key_of(guarded: FastAPI) -> Callable[..., dict[str, str]]:
    """Return a function that makes a key of `guarded` and returns the headers that carry it."""
    return partial(new_key, guarded)


def new_key(
    application: FastAPI, *roles: Role, scopes: Sequence[Permission] | None = None
) -> dict[str, str]:
    """Make a key and return the headers that carry it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    name = f"test-{secrets.token_hex(6)}"
    _, text = create_key(
        application.state.database, LOCAL, name, roles, scopes=scopes, days=1, at=now
    )
    return {"Authorization": f"Bearer {text}"}


Publish = Callable[[IndicatorFrame, Path], Manifest]


@pytest.fixture(scope="session")
def publish_frame() -> Publish:
    """Write a frame as the one snapshot of a published folder."""

    def publish(frame: IndicatorFrame, folder: Path) -> Manifest:
        name = f"indicators/{frame.as_of}.parquet"
        write_frame(frame, folder / name)
        end = f"{frame.as_of}T23:59:59.999999"
        later = "2030-01-01T23:59:59.999999"
        manifest = Manifest(
            world="small",
            currency="EUR",
            simulated=True,
            sources={},
            columns={},
            catalogue_hash="c" * 64,
            code_hash="d" * 64,
            entries={
                name: Entry(file_hash(folder / name), len(frame), end, end, None),
                "outcomes/2030-01-01-60d.parquet": Entry("0" * 64, len(frame), later, later, 60),
            },
        )
        manifest.save(folder)
        return manifest

    return publish
