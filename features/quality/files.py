"""The report as files: a page in each language, one JSON, and the list to work off."""

from __future__ import annotations

import json
from pathlib import Path

from features.parquet import atomic_path
from features.quality.follow_up import as_csv
from features.quality.page import render
from features.quality.report import QualityReport
from features.quality.writing import LANGUAGES

JSON = "quality.json"
FOLLOW_UP = "customers_to_follow_up.csv"


def write_report(report: QualityReport, folder: Path) -> tuple[Path, ...]:
    """Write the report to a folder, each file whole or not at all; return their paths."""
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=1) + "\n"
    contents = {JSON: text}
    contents |= {f"quality.{language}.html": render(report, language) for language in LANGUAGES}
    for name, content in contents.items():
        with atomic_path(folder / name) as part:
            part.write_text(content, "utf-8")
    with (
        atomic_path(folder / FOLLOW_UP) as part,
        # With a byte order mark a spreadsheet reads the names as UTF-8.
        part.open("w", encoding="utf-8-sig", newline="") as stream,
    ):
        stream.writelines(as_csv(report.follow_up))
    return tuple(folder / name for name in (*contents, FOLLOW_UP))
