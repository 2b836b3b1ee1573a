"""``tierwise export``: a locked file opens with both shares, leaked rows are traced home."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.errors import TierwiseError
from serving.domain.access import Role
from serving.export_cli import app
from serving.governance.exporting import ExportDesk
from serving.governance.lock import lock
from serving.governance.policy import packaged_governance
from serving.settings import Settings
from serving.store.session import Database
from tests.serving.governance.conftest import ANALYST, COMPLIANCE, MANAGER, person


def run(*arguments: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=typed)


def test_a_file_opens_with_both_shares_and_is_written_over_nothing(tmp_path: Path) -> None:
    sealed, first, second = lock(b"customer_id\n1609\n", "ab12")
    file, out = tmp_path / "ab12.locked", tmp_path / "ab12.csv"
    file.write_bytes(sealed)
    told = run("open", file, "--out", out, typed=f"{second}\n{first}\n")
    assert told.exit_code == 0, told.output
    assert first not in told.output
    assert out.read_bytes() == b"customer_id\n1609\n"
    assert out.stat().st_mode & 0o777 == 0o600
    again = run("open", file, "--out", out, typed=f"{first}\n{second}\n")
    assert isinstance(again.exception, TierwiseError)
    assert "is there already" in again.exception.message
    other = tmp_path / "renamed"
    file.rename(other)
    new = tmp_path / "new.csv"
    assert run("open", other, "--out", new, typed=f"{first}\n{second}\n").exit_code == 1
    assert not new.exists()
    assert (
        run("open", other, "--out", new, "--id", "ab12", typed=f"{first}\n{second}\n").exit_code
        == 0
    )


@pytest.mark.parametrize("marks", [True, False])
def test_leaked_rows_name_who_asked(
    store: Database, own_settings: Settings, tmp_path: Path, marks: bool
) -> None:
    desk = ExportDesk(store, packaged_governance(), lambda: datetime.now(UTC).replace(tzinfo=None))
    asker = person("cleared", Role.ANALYST, Role.EXPERT)
    export = desk.ask(asker if marks else ANALYST, "Letters to basic customers.", "basic", None)
    desk.approve(export.export_id, MANAGER)
    desk.approve(export.export_id, COMPLIANCE)
    lines = (
        desk.fetch(export.export_id, asker if marks else ANALYST)[1].decode("utf-8").splitlines()
    )
    leaked = tmp_path / "leaked.csv"
    rows = lines if marks else [line.split(",")[0] for line in lines]
    leaked.write_text("\n".join(rows), "utf-8")
    told = run("trace", leaked, "--database", own_settings.database)
    assert told.exit_code == 0, told.output
    assert f"Export {export.export_id}, asked for by {export.requested_by} on" in told.output
    leaked.write_text("customer_id\nsomebody\n", "utf-8")
    told = run("trace", leaked, "--database", own_settings.database)
    assert (told.exit_code, "of no export" in told.output) == (1, True)
    leaked.write_text("name\nsomebody\n", "utf-8")
    told = run("trace", leaked, "--database", own_settings.database)
    assert isinstance(told.exception, TierwiseError)
