"""What a gate says, in the card's language: English as the gate wrote it, Chinese from words."""

from __future__ import annotations

from collections.abc import Mapping

from training.card.stress_section import check_in_words
from training.card.wording import Language
from training.evaluation.gates import GateCheck, GateReport
from training.evaluation.stress_report import StressReport


def advice(
    check: GateCheck, stress: StressReport, text: Mapping[str, str], language: Language
) -> str:
    """Return what a failed gate means and what to do; nothing for one that passed."""
    if check.passed:
        return ""
    if language == "en":
        return check.message
    # The name itself, else its last part: "churn.auc.behind_baseline" is told as one of a kind.
    for key in (check.name, check.name.rpartition(".")[2]):
        told = text.get(f"advice_{key}")
        if told is not None:
            return told.format(wrong=_wrong(check, stress, text, language))
    return check.message


def notes(
    gates: GateReport, stress: StressReport, text: Mapping[str, str], language: Language
) -> tuple[str, ...]:
    """Return what could not be judged; the stress part tells of skipped scenarios itself."""
    skipped = {f"Scenario {s.id} was skipped: {s.skipped}" for s in stress.scenarios}
    told = [note for note in gates.notes if note not in skipped]
    if language == "en":
        return tuple(told)
    found = []
    for note in told:
        differing = note.removeprefix("The champion's backtest differs in ").split(":")[0]
        if note == "There is no champion: judged against the baselines only.":
            found.append(text["note_no_champion"])
        elif note != differing and note.startswith("The champion's backtest differs in "):
            found.append(text["note_other_champion"].format(facts=differing))
        else:
            found.append(note)
    return tuple(found)


def _wrong(
    check: GateCheck, stress: StressReport, text: Mapping[str, str], language: Language
) -> str:
    of = f"stress.{{}}.{check.name.rpartition('.')[2]}"
    failed = [c for r in stress.ran if check.name == of.format(r.id) for c in r.failed]
    return text["and"].join(check_in_words(each, text, language) for each in failed)
