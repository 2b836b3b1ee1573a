from __future__ import annotations

from datetime import datetime
from pathlib import Path

import ibis
import pytest

from features.backends import abreast, at_time_zone, connect, to_json, try_strptime
from features.errors import DataError


def setting(connection: ibis.BaseBackend, name: str) -> str:
    return str(connection.raw_sql(f"SELECT current_setting('{name}')").fetchone()[0])


def test_the_session_is_utc_and_quiet() -> None:
    connection = connect()
    assert setting(connection, "TimeZone") == "UTC"
    assert setting(connection, "enable_progress_bar") == "False"


def test_the_options_reach_the_engine(tmp_path: Path) -> None:
    connection = connect(threads=1, memory_limit="1GiB", temp_dir=tmp_path / "spill")
    assert setting(connection, "threads") == "1"
    assert setting(connection, "memory_limit") == "1.0 GiB"
    assert setting(connection, "temp_directory") == str(tmp_path / "spill")


def test_nothing_is_spilled_to_the_folder_of_the_caller() -> None:
    assert not Path(setting(connect(), "temp_directory")).is_relative_to(Path.cwd())


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(DataError, match=r"Unknown engine 'postgres'\. Use one of: duckdb, spark\."):
        connect("postgres")


def test_a_refused_option_is_told() -> None:
    with pytest.raises(DataError, match="memory_limit"):
        connect(memory_limit="lots")


def test_the_engine_functions_mean_what_they_say() -> None:
    connection = connect(threads=1)
    local = try_strptime(ibis.literal("01.07.2025 10:00"), "%d.%m.%Y %H:%M")
    utc = at_time_zone("Europe/Berlin", local).cast("timestamp")
    assert connection.to_pyarrow(utc).as_py() == datetime(2025, 7, 1, 8)
    assert connection.to_pyarrow(try_strptime(ibis.literal("x"), "%d")).as_py() is None
    row = to_json(ibis.struct({"name": ibis.literal('a "b"')}))
    assert connection.to_pyarrow(row).as_py() == '{"name":"a \\"b\\""}'


@pytest.mark.parametrize(("threads", "left"), [(1, 1), (2, 1), (4, 3)])
def test_sessions_side_by_side_leave_the_engine_the_other_threads(threads: int, left: int) -> None:
    connection = connect(threads=threads)
    with abreast(connection, 2):
        assert setting(connection, "threads") == str(left)
    assert setting(connection, "threads") == str(threads)
