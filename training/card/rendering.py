"""The model card: what a version is for, how well it does, where it must not be trusted.

One content, two renderings: Markdown for the registry's description and for reading in a
terminal, and a self-contained HTML page with the plots as SVG (no script, nothing is loaded from
the network). Words are in ``training/card/wording.toml``, English and Chinese.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import plotly.graph_objects as go

from tiering.referral import DORMANT
from training.card import quality_section as quality
from training.card.advice import advice, notes
from training.card.evidence import Evidence
from training.card.figures import card_figures, tier_labels
from training.card.stress_section import direction_table, error_table, sentences
from training.card.svg import to_svg
from training.card.wording import Language, words
from training.evaluation.baselines import CHURN, LTV
from training.evaluation.report import BacktestReport
from training.evaluation.tables import (
    coverage_table,
    markdown,
    metric_table,
    tier_quality_table,
    tier_table,
)

_STYLE = """
body{font:16px/1.6 system-ui,'Noto Sans CJK SC',sans-serif;color:#1f2933;max-width:70rem;
margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem;
border-top:1px solid #d5dbe1;padding-top:1.2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;margin:1rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid #e4e8ec;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}td.text{text-align:left;white-space:normal;min-width:16rem}
figure{margin:1.6rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}
.note{background:#fdf3dc;border-left:4px solid #c98a1b;padding:.6rem 1rem}
code{overflow-wrap:anywhere}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the card; ``figures`` are names of ``card_figures``."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[list[list[str]], ...] = ()
    figures: tuple[str, ...] = field(default_factory=tuple)


def render_markdown(evidence: Evidence, language: Language = "en") -> str:
    """Return the card as Markdown, tables but no plots."""
    title, note, sections = _content(evidence, language)
    blocks = [f"# {title}"]
    if note:
        blocks.append(f"> **{note}**")
    for section in sections:
        blocks.append(f"## {section.title}")
        blocks.extend(section.paragraphs)
        blocks.extend(markdown(table) for table in section.tables)
    return "\n\n".join(blocks) + "\n"


def render_html(evidence: Evidence, language: Language = "en") -> str:
    """Return the card as one HTML page with its plots, readable without a network."""
    title, note, sections = _content(evidence, language)
    figures = card_figures(evidence, language)
    body = [f"<h1>{escape(title)}</h1>"]
    if note:
        body.append(f'<p class="note">{escape(note)}</p>')
    for section in sections:
        body.append(f"<h2>{escape(section.title)}</h2>")
        body.extend(f"<p>{escape(text)}</p>" for text in section.paragraphs)
        body.extend(_table(table) for table in section.tables)
        body.extend(_figure(figures[name], name) for name in section.figures)
    tag = "zh-CN" if language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _content(evidence: Evidence, language: Language) -> tuple[str, str, list[Section]]:
    say = words(language)
    report, meta = evidence.report, evidence.meta
    tiers = tier_labels(evidence.scheme, language)
    referred = DORMANT in evidence.scheme.referral.refer_flags
    known: dict[str, Any] = {
        "world": meta["world"],
        "as_of": meta["trained_as_of"],
        "currency": meta["currency"],
        "churn": report.facts["churn_horizon_days"],
        "ltv": report.facts["ltv_horizon_days"],
        "scheme": evidence.scheme.id,
        "active": report.facts["eligibility"]["active_within_days"],
        "tenure": report.facts["eligibility"]["min_tenure_days"],
        "origins": len(report.origins),
        "dormant": say["dormant_referred" if referred else "dormant_not_referred"],
        "top": tiers[0],
        "top_precision": _share(report.pooled_tiers().precision(0)),
        "top_recall": _share(report.pooled_tiers().recall(0)),
        "interval": f"{report.facts['interval']:.0%}",
        "auto": f"{report.pooled_tiers().auto_accuracy:.1%}",
        "strict": f"{report.pooled_tiers().strict_accuracy:.1%}",
        "referred": f"{report.pooled_tiers().referred:.1%}",
    }
    text = {key: value.format_map(_Keep(known)) for key, value in say.items()}
    failed = evidence.gates.failed
    verdict = text["gates_passed"]
    if failed:
        verdict = text["gates_failed"].format(failed=len(failed), all=len(evidence.gates.checks))
    sections = [
        Section(text["use"], (text["use_text"], text["misuse_text"])),
        Section(text["data"], (text["data_text"], text["counts_text"]), (_counts_table(report),)),
        Section(text["results"], (text["results_text"],)),
        Section(
            text["churn"],
            tables=(metric_table(report, "churn"), _baseline_table("churn", CHURN, text)),
            figures=("reliability", "lift", "auc"),
        ),
        Section(
            text["ltv"],
            (text["coverage_text"],),
            (
                metric_table(report, "ltv"),
                _baseline_table("ltv", LTV, text),
                coverage_table(report, (text["origin"], text["n"], text["inside"])),
            ),
            ("deciles", "mae"),
        ),
        Section(text["differences"], (text["differences_text"],), (_difference_table(report),)),
        Section(
            text["tiers"],
            (text["tiers_text"], text["tier_quality_text"], *quality.steadiness(report, text)),
            (
                quality.definition_table(report, text),
                tier_table(report),
                tier_quality_table(
                    report,
                    tiers,
                    [text[k] for k in ("tier", "n_given", "n_hindsight", "precision", "recall")],
                ),
            ),
            ("tiers", *(("value_tiers",) if report.value_tiers else ())),
        ),
        *(
            Section(text[title], tuple(paragraphs), (table,), figures)
            for title, paragraphs, table, figures in quality.chapters(
                report, evidence.scheme, text, language
            )
        ),
        Section(
            text["explain"],
            (text["explain_text"],),
            figures=("churn_bees", "churn_dependence", "ltv_bees", "ltv_dependence"),
        ),
        _stress_section(evidence, text, language),
        Section(
            text["gates"],
            (verdict, *notes(evidence.gates, evidence.stress, text, language)),
            (_gate_table(evidence, text, language),),
        ),
        Section(text["limits"], (text["limits_text"], text["chosen_text"])),
        Section(text["proof"], (text["proof_text"],), (_facts_table(meta, text),)),
    ]
    return text["title"], text["simulated"] if meta["simulated"] else "", sections


def _stress_section(evidence: Evidence, text: Mapping[str, str], language: Language) -> Section:
    report = evidence.stress
    tables = (
        error_table(report, text, language),
        direction_table(report, text, language),
    )
    return Section(
        text["stress"],
        (text["stress_text"], *sentences(report, text, language)),
        tuple(table for table in tables if table),
        (*(("stress",) if report.ran else ()), *(f"stress_{result.id}" for result in report.ran)),
    )


def _counts_table(report: BacktestReport) -> list[list[str]]:
    names = (
        *("origin", "customers", "eligible", "challenged", "churn_rate"),
        *("churn_train_rows", "churn_rows_left_out", "ltv_train_rows", "ltv_rows_left_out"),
    )
    rows = [[_cell(count[name]) for name in names] for count in report.counts]
    return [[name.replace("_", " ") for name in names], *rows]


def _baseline_table(
    target: str, baselines: Mapping[str, str], text: Mapping[str, str]
) -> list[list[str]]:
    rows = [
        [name, text.get(f"about_{target}_{name}", meaning)] for name, meaning in baselines.items()
    ]
    return [[text["compared"], text["meaning"]], *rows]


def _difference_table(report: BacktestReport) -> list[list[str]]:
    rows = [
        [
            f"{d['target']} {_days(d)}{d['metric']} – {d['model']}",
            *(f"{d[k]:.4g}" for k in ("mean", "low", "high")),
        ]
        for d in report.differences
    ]
    return [["", "Δ", "2.5 %", "97.5 %"], *rows]


def _days(difference: Mapping[str, Any]) -> str:
    days = difference.get("horizon_days")
    return f"{days} d " if days else ""


def _gate_table(evidence: Evidence, text: Mapping[str, str], language: Language) -> list[list[str]]:
    rows = [
        [
            check.name,
            f"{check.value:.4g}",
            f"{check.relation} {check.limit:.4g}",
            text["passed"] if check.passed else text["failed"],
            advice(check, evidence.stress, text, language),
        ]
        for check in evidence.gates.checks
    ]
    header = [text[key] for key in ("gate", "value", "limit", "verdict", "advice")]
    return [header, *rows]


def _facts_table(meta: Mapping[str, Any], text: Mapping[str, str]) -> list[list[str]]:
    return [[text["fact"], text["value"]], *([key, str(value)] for key, value in meta.items())]


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(table: Sequence[Sequence[str]]) -> str:
    header, *body = table
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    rows = "".join("<tr>" + "".join(_data_cell(cell) for cell in row) + "</tr>" for row in body)
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _data_cell(cell: str) -> str:
    wide = sum(2 if ord(sign) > 0x2E7F else 1 for sign in cell)  # Chinese signs are square
    kind = ' class="text"' if wide > 40 else ""
    return f"<td{kind}>{escape(cell)}</td>"


def _figure(figure: go.Figure, name: str) -> str:
    title = escape(figure.layout.title.text or "")
    drawn = to_svg(figure)
    return f'<figure id="{name}"><figcaption>{title}</figcaption>{drawn}</figure>'


class _Keep(dict[str, Any]):
    """Leaves a field that is filled in later as it stands."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"
