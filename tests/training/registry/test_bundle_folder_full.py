"""A champion whose bundle cannot be written: the one before serves on, and it is brought later."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.registry.verdicts import PASSED
from tierwise import shadow
from training.bundle import Bundle
from training.commands import registry as commands
from training.errors import RegistryError
from training.registry.location import open_registry
from training.registry.registry import CHAMPION, Registry, model_name
from training.registry.versions import Submission


@contextmanager
def full_disk(size: int = 512) -> Iterator[None]:
    """Let the kernel refuse to write more than so many bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def home(tmp_path: Path, blank_registry: Path, submission: Submission, bundle: Bundle) -> Path:
    """Two versions; the first is champion and serves."""
    place = tmp_path / "home"
    place.mkdir()
    shutil.copy(blank_registry, place / "mlflow.db")
    store = open_registry(place)
    model = model_name("small")
    first = store.register(model, submission)
    store.promote(model, first.version, PASSED, by="a")
    store.pull(model, CHAMPION, place / "small" / "bundle")
    scheme = bundle.scheme.model_copy(update={"version": "9.0.0"})
    changed = replace(bundle, scheme=scheme)
    changed.save(tmp_path / "second")
    store.register(model, replace(submission, bundle_dir=tmp_path / "second"))
    return place


def test_the_bundle_before_serves_on_and_the_champion_is_brought_later(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, model = open_registry(home), model_name("small")
    folder = home / "small" / "bundle"
    before = Bundle.load(folder)
    store.promote(model, 2, PASSED, by="a")

    with pytest.raises(RegistryError, match="could not be brought") as caught, full_disk():
        commands._bring(store, model, folder)
    assert "--version 2" in caught.value.hint
    # Enough for what is fetched, not for what is written beside the target.
    real = Registry._fetch

    def fetched(*given: object) -> object:
        found = real(*given)  # type: ignore[arg-type]
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
        return found

    monkeypatch.setattr(Registry, "_fetch", fetched)
    try:
        with pytest.raises(RegistryError, match="File too large"):
            commands._bring(store, model, folder)
    finally:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    monkeypatch.undo()
    assert Bundle.load(folder).digest == before.digest
    assert list((home / "small").glob(".bundle-*")) == []  # nothing half-written stays

    commands.promote("small", 2, home, by="a")
    assert "it serves now" in " ".join(capsys.readouterr().out.split())
    brought = Bundle.load(folder)
    assert (brought.meta.version, brought.scheme.version) == ("2", "9.0.0")
    with pytest.raises(RegistryError):  # nothing to bring: judged as any promotion is
        commands.promote("small", 2, home, by="a")


def test_a_damaged_folder_is_no_champion(home: Path) -> None:
    store: Registry = open_registry(home)
    champion = store.champion(model_name("small"))
    assert champion is not None
    folder = home / "small" / "bundle"
    assert commands._lies_in(folder, champion)
    (folder / "scheme.toml").write_text("")
    assert not commands._lies_in(folder, champion)


def test_a_challenger_or_any_version_becomes_the_shadow(home: Path) -> None:
    """#75: `tierwise shadow start` brings it beside the champion, whose folder stays."""
    champion = Bundle.load(home / "small" / "bundle").digest
    folder = home / "small" / "shadow"
    shadow.start("small", None, home)
    assert Bundle.load(folder).meta.version == "2"
    shadow.start("small", 1, home)
    assert Bundle.load(folder).digest == Bundle.load(home / "small" / "bundle").digest == champion
    shadow.stop("small", home)
    assert list((home / "small").glob("*shadow*")) == []
