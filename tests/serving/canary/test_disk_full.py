"""A disk that is really full (ENOSPC), where the bundles lie: the last good one serves on."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.archive import BundleArchive
from serving.batch import run_batch
from serving.settings import Settings
from tests.blank_store import blank_store
from tests.serving.canary.conftest import MODEL
from tests.small_disk import MISSING, on_a_small_disk
from tierwise import cli
from training.bundle import Bundle
from training.commands import registry as commands
from training.errors import BundleError, RegistryError
from training.registry.location import open_registry

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def size(folder: Path) -> int:
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.iterdir())


def test_a_promotion_onto_a_full_disk_leaves_the_champion_serving_and_is_made_good(
    own_home: Path, frame: IndicatorFrame, second: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(
        home=own_home,
        world="small",
        environment="test",
        database_url=f"sqlite:///{own_home / 'elsewhere.db'}",
    )
    champion = Bundle.load(settings.bundle)
    store = blank_store(settings.database)
    run_batch(champion, frame, store)
    second.save(own_home / "measured")
    spare = settings.state / "spare"
    done: list[str] = []

    def promoted() -> None:
        before = sorted(path.name for path in settings.state.iterdir())
        application = create_app(settings)
        with TestClient(application) as client:

            def serves(version: str) -> None:
                assert client.get("/v1/grades/c-0007").status_code == 200
                what_if = client.post("/v1/grades:simulate", json={"customer_id": "c-0007"})
                assert what_if.status_code == 200
                assert what_if.json()["grade"]["model"]["version"] == version
                assert client.get("/readyz").json()["bundle_fault"] is None

            with pytest.raises(RegistryError) as caught:
                commands.promote("small", 2, own_home, by="ann")
            told = str(caught.value)
            assert f"The disk of {settings.state} has no room" in told
            assert "kB free" in told
            assert "Make room" in told
            assert "--version 2" in told
            assert sorted(path.name for path in settings.state.iterdir()) == before
            assert Bundle.load(settings.bundle).digest == champion.digest
            client.post("/v1/models:refresh")
            serves("1")
            with pytest.raises(BundleError, match="no room to keep the bundle") as kept:
                BundleArchive(settings.archive).keep(settings.bundle, champion.digest)
            assert f"The disk of {settings.archive}" in str(kept.value)
            assert BundleArchive(settings.archive).digests() == []
            assert list(settings.archive.iterdir()) == [], "nothing half is left behind"

            spare.unlink()  # room is made, and the command run again
            commands.promote("small", 2, own_home, by="ann")
            client.post("/v1/models:refresh")
            serves("2")
        application.state.database.dispose()
        done.append("done")

    spare.write_bytes(bytes(3 * size(own_home / "measured")))
    on_a_small_disk(settings.state, size(own_home / "measured") // 2, promoted)
    assert done == ["done"]
    assert "it serves now" in " ".join(capsys.readouterr().out.split())
    entries = open_registry(own_home).ledger.entries(MODEL)
    assert [entry.version for entry in entries] == [1, 2], "decided once"
    store.dispose()


def test_any_command_says_that_a_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever writes: no stack of calls, but what to do."""
    place = tmp_path / "disk"
    place.mkdir()

    def command(prog_name: str) -> None:
        (place / "report.json").write_bytes(bytes(100_000))

    def run() -> None:
        monkeypatch.setattr(cli, "app", command)
        with pytest.raises(SystemExit, match="1"):
            cli.main()

    on_a_small_disk(place, 8192, run)
    told = " ".join(capsys.readouterr().err.split())
    assert "No space left on device" in told
    assert "Make room there" in told
