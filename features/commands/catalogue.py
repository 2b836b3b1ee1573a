"""`tierwise features catalogue`: the indicators."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from features.schema import CATALOGUE, Indicator

_ARROWS = {1: "↑", 0: "·", -1: "↓"}


class Language(StrEnum):
    """Language of labels."""

    EN = "en"
    ZH = "zh"


_HEADINGS = {
    Language.EN: (
        "indicator",
        "dimension",
        "label",
        "unit",
        "window",
        "better",
        "no event",
        "source",
        "requirement",
        "personal",
    ),
    Language.ZH: (
        "指标",
        "维度",
        "名称",
        "单位",
        "窗口",
        "优向",
        "无事件时",
        "来源",
        "需求",
        "个人信息",
    ),
}

_PERSONAL = {Language.EN: "yes", Language.ZH: "是"}


def catalogue(
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown instead.")] = False,
    language: Annotated[Language, typer.Option(help="Language of labels.")] = Language.EN,
) -> None:
    """List the indicators."""
    if markdown:
        head = _HEADINGS[language]
        rows = [_catalogue_row(indicator, language) for indicator in CATALOGUE.values()]
        for line in (head, tuple("---" for _ in head), *rows):
            typer.echo(f"| {' | '.join(line)} |")
        return
    table = Table(title=f"{len(CATALOGUE)} indicators")
    for name, narrow in {"indicator": True, "label": False, "unit": True, "better": True}.items():
        table.add_column(name, no_wrap=narrow)
    for indicator in CATALOGUE.values():
        name, _dimension, label, unit, _window, better, *_ = _catalogue_row(indicator, language)
        table.add_row(name, label, unit, better)
    Console().print(table)


def _catalogue_row(indicator: Indicator, language: Language) -> tuple[str, ...]:
    return (
        indicator.name,
        str(indicator.dimension),
        indicator.label_zh if language is Language.ZH else indicator.label_en,
        indicator.unit,
        indicator.window,
        _ARROWS[int(indicator.direction)],
        indicator.null_policy,
        ", ".join(_source(indicator, column) for column in indicator.source),
        indicator.requirement,
        _PERSONAL[language] if indicator.pii else "",
    )


def _source(indicator: Indicator, column: str) -> str:
    """Return a column, and with the kind of an assessment what to write there."""
    if indicator.assessment is not None and column == "assessments.kind":
        return f"{column} = {indicator.assessment}"
    return column
