"""A report of sections, tables and figures as one HTML page or as Markdown.

The page is self-contained: the plotting script is inlined once, nothing is loaded from a
network. Words of the reports made by people's commands are in ``training/wording.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

from training.errors import TrainingError
from training.evaluation.tables import markdown

Language = Literal["en", "zh"]

_STYLE = """
body{font:16px/1.6 system-ui,'Noto Sans CJK SC',sans-serif;color:#1f2933;max-width:70rem;
margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem;
border-top:1px solid #d5dbe1;padding-top:1.2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;margin:1rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid #e4e8ec;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.note{background:#fdf3dc;border-left:4px solid #c98a1b;padding:.6rem 1rem}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report; a table's first row is its header."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Sequence[Sequence[str]], ...] = ()
    figures: tuple[go.Figure, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report; ``note`` stands out on top, where it is not empty."""

    title: str
    note: str
    sections: tuple[Section, ...]
    language: Language = "en"


@cache
def wording(report: str, language: Language) -> Mapping[str, str]:
    """Return the words of a report (``tuning``, ``comparison``) in a language."""
    document = tomllib.loads((files("training") / "wording.toml").read_text("utf-8"))
    found: Mapping[str, str] = document[report][language]
    return found


def write(report: Report, path: Path) -> None:
    """Write a report: HTML to ``*.html``, Markdown without figures to ``*.md``.

    Raises
    ------
    TrainingError
        If the name ends in neither.
    """
    if path.suffix not in {".html", ".md"}:
        raise TrainingError(
            f"A report can be written as .html or .md, not as {path.name!r}.",
            hint="Change the ending of --out or --report.",
        )
    text = as_html(report) if path.suffix == ".html" else as_markdown(report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def as_markdown(report: Report) -> str:
    """Return the report as Markdown: text and tables."""
    blocks = [f"# {report.title}"]
    if report.note:
        blocks.append(f"> **{report.note}**")
    for section in report.sections:
        blocks += [f"## {section.title}", *section.paragraphs]
        blocks += [markdown(table) for table in section.tables]
    return "\n\n".join(blocks) + "\n"


def as_html(report: Report) -> str:
    """Return the report as one page with its figures."""
    body = [f"<h1>{escape(report.title)}</h1>"]
    if report.note:
        body.append(f'<p class="note">{escape(report.note)}</p>')
    drawn = 0
    for section in report.sections:
        body.append(f"<h2>{escape(section.title)}</h2>")
        body += [f"<p>{escape(text)}</p>" for text in section.paragraphs]
        body += [_table(table) for table in section.tables]
        for figure in section.figures:
            body.append(_div(figure, drawn))
            drawn += 1
    tag = "zh-CN" if report.language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _table(table: Sequence[Sequence[str]]) -> str:
    header, *body = table
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _div(figure: go.Figure, number: int) -> str:
    div: str = figure.to_html(
        full_html=False,
        include_plotlyjs=number == 0,
        div_id=f"figure{number}",
        config={"displaylogo": False},
    )
    return div
