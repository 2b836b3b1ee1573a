"""The model card's part on stress: tables and sentences of a report, in either language."""

from __future__ import annotations

from collections.abc import Mapping

from training.card.wording import Language
from training.evaluation.stress_report import (
    ERRORS,
    CheckResult,
    ScenarioResult,
    StressReport,
)


def title_of(result: ScenarioResult, language: Language) -> str:
    """Return a scenario's name."""
    return result.title_zh if language == "zh" else result.title_en


def sentences(report: StressReport, text: Mapping[str, str], language: Language) -> list[str]:
    """Return what each scenario did, one sentence each."""
    told = []
    for result in report.scenarios:
        title = title_of(result, language)
        if result.skipped:
            told.append(text["skipped"].format(title=title, reason=_reason(result, text)))
            continue
        told.append(
            text["scenario_text"].format(
                title=title,
                unchanged=f"{result.unchanged_share:.1%}",
                customers=f"{result.customers:,}",
                touched=f"{result.touched:,}",
                gone=f"{result.gone:,}",
                mean_change=f"{result.mean_change:+.2f}",
                psi=f"{result.psi:.3f}",
                referred_before=f"{result.referred_before:.1%}",
                referred_after=f"{result.referred_after:.1%}",
            )
            + (
                text["newcomers_text"].format(
                    newcomers=f"{result.newcomers:,}", psi=f"{result.population_psi:.3f}"
                )
                if result.newcomers
                else ""
            )
        )
    return told


def error_table(
    report: StressReport, text: Mapping[str, str], language: Language
) -> list[list[str]]:
    """Return the models' errors before and under stress, header first; empty if not measured."""
    rows = [
        [
            title_of(result, language),
            f"{result.errors.n:,}",
            *(
                f"{result.errors.before[name]:.4g} → {result.errors.after[name]:.4g}"
                for name in ERRORS
            ),
        ]
        for result in report.ran
        if result.errors is not None
    ]
    header = [text["scenario"], text["n"], *(text[f"error_{name}"] for name in ERRORS)]
    return [header, *rows] if rows else []


def direction_table(
    report: StressReport, text: Mapping[str, str], language: Language
) -> list[list[str]]:
    """Return the direction checks and their verdicts, header first; empty if there is none."""
    rows = [
        [
            f"{title_of(result, language)}: {check_in_words(check, text, language)}",
            f"{check.n:,}",
            f"{check.value:.4g}",
            text["passed"] if check.passed else text["failed"],
        ]
        for result in report.ran
        for check in result.checks
    ]
    return [[text["check"], text["n"], text["value"], text["verdict"]], *rows] if rows else []


def check_in_words(check: CheckResult, text: Mapping[str, str], language: Language) -> str:
    """Return a direction check in words; an old report's check only knows its English text."""
    direction = check.direction
    if language == "en" or direction is None:
        return check.text
    measure = text.get(f"measure_{direction.measure}", direction.measure)
    margin = (
        text["check_margin"].format(tolerance=f"{direction.tolerance:g}")
        if direction.tolerance
        else ""
    )
    return text[f"check_{direction.of}"].format(
        who=text[f"among_{direction.among}"],
        measure=measure,
        expect=text[f"expect_{direction.expect}"],
        margin=margin,
        share=f"{direction.max_share:.0%}",
    )


def _reason(result: ScenarioResult, text: Mapping[str, str]) -> str:
    if result.lacks:
        return text["lacks"].format(names=text["and"].join(result.lacks))
    return text.get(f"reason_{result.skipped}", result.skipped)
