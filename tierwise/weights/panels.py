"""``tierwise weights delphi`` and ``ahp``: what a panel says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tierwise.weights.display import (
    LanguageOption,
    Out,
    RulesFile,
    SchemeName,
    rules_of,
    say,
    show,
    tell_simulated,
)


def delphi(
    answers: Annotated[
        Path, typer.Argument(help="CSV (round, member, role, dimensions), TOML or JSON.")
    ],
    rules: RulesFile = None,
    scheme: SchemeName = "default",
    feedback: Annotated[
        Path | None, typer.Option("--feedback", help="Folder for a letter to each member.")
    ] = None,
    out: Out = None,
    language: LanguageOption = "en",
) -> None:
    """Judge a Delphi panel's rounds: agreement, disputes, whether to ask again, weights."""
    from tiering.weights.answers import read_answers
    from tiering.weights.delphi import judge
    from tiering.weights.feedback import feedback as letters
    from tierwise.weights import files, results

    known = rules_of(rules)
    document = files.document_of(answers, files.answers_from_rows)
    panel = read_answers(document, known, origin=f"The answers of {answers.name}")
    result = judge(panel, known)
    tell_simulated(result.simulated)
    rows = [["round", "answers", "W", "p", "in dispute"]]
    for each in result.rounds:
        agreement = each.agreement
        disputed = ", ".join(each.disputed) or "–"
        rows.append(
            [
                str(each.number),
                str(agreement.members),
                f"{agreement.w:.2f}",
                f"{agreement.p_value:.2g}",
                disputed,
            ]
        )
    show(rows, "Agreement on the order (Kendall's W)")
    roles = list(result.by_role)
    last = result.rounds[-1]
    rows = [["dimension", "weight", *roles, "median", "half of the panel", "moved"]]
    rows += [
        [
            each.dimension,
            f"{result.weights[each.dimension]:.3f}",
            *(f"{result.by_role[role][each.dimension]:.3f}" for role in roles),
            f"{each.median:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
            f"{each.moved:+.3f}",
        ]
        for each in last.dimensions
    ]
    show(rows, f"The panel after round {last.number}")
    for each in result.rounds:
        if each.missing:
            say(f"Round {each.number}: no answer of {', '.join(each.missing)}.")
    if result.carried:
        say(f"Counted with an earlier answer: {', '.join(result.carried)}.")
    for role, count in result.short.items():
        say(f"The panel lacks {count} of the role {role}.")
    say(known.texts(language).say(result.verdict))
    if feedback is not None:
        found = letters(panel, result, known, last.number, _labels(scheme))
        for number, letter in enumerate(found, start=1):
            path = feedback / f"round-{letter.round}-{number:02d}-{_file_name(letter.member)}.txt"
            files.write(path, letter.text[language])
        say(f"{len(found)} letters in {feedback}.")
    if out is not None:
        files.write_json(out, results.delphi_document(result))


def ahp(
    judgements: Annotated[
        Path, typer.Argument(help="CSV (member, role, first, second, value), TOML or JSON.")
    ],
    rules: RulesFile = None,
    out: Out = None,
) -> None:
    """Weights from pairwise comparisons, with consistency and the judgement to mend."""
    from tiering.weights.ahp import compare, repair_words
    from tiering.weights.judgements import read_judgements
    from tierwise.weights import files, results

    known = rules_of(rules)
    document = files.document_of(judgements, files.judgements_from_rows)
    result = compare(
        read_judgements(document, known, origin=f"The judgements of {judgements.name}"), known
    )
    tell_simulated(result.simulated)
    rows = [["member", "ratio", *result.items]]
    rows += [
        [
            member,
            f"{each.ratio:.3f}" + ("*" if member in result.inconsistent else ""),
            *(f"{weight:.2f}" for weight in each.weights),
        ]
        for member, each in result.by_member.items()
    ]
    show(rows, f"Members (* ratio of {known.ahp.most_ratio:g} or more)")
    for member in result.inconsistent:
        say(f"{member} to mend: {repair_words(result.by_member[member].repair)}.")
    roles = list(result.by_role)
    rows = [["item", "weight", *roles]]
    rows += [
        [item, f"{result.weights[item]:.3f}", *(f"{result.by_role[r][item]:.3f}" for r in roles)]
        for item in result.items
    ]
    show(rows, f"The group of {len(result.used)}: ratio {result.group.ratio:.3f}")
    left = [member for member in result.by_member if member not in result.used]
    if left:
        say(f"Left out until the judgement named is mended: {', '.join(left)}.")
    if out is not None:
        files.write_json(out, results.ahp_document(result))


def _labels(scheme: str) -> dict[str, Any]:
    from tiering.scheme import load_scheme

    return {
        str(each.id): {"en": each.label_en, "zh": each.label_zh}
        for each in load_scheme(scheme).dimensions
    }


def _file_name(member: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in member)
