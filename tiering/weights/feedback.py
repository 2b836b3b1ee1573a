"""What each member is told after a round: the own answer beside the panel's, no names (#39)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tiering.weights.answers import Answers
from tiering.weights.delphi import DelphiResult, Round, Spread
from tiering.weights.rules import Language, Rules

Place = Literal["inside", "above", "below", "absent"]


@dataclass(frozen=True, slots=True)
class Line:
    """One dimension of one member's feedback; shares of 1.

    Attributes
    ----------
    own
        The member's weight in this round; None if there is none.
    place
        Where it lies among the panel's quartiles.
    """

    dimension: str
    own: float | None
    median: float
    low: float
    high: float
    place: Place


@dataclass(frozen=True, slots=True)
class Feedback:
    """What one member is shown after a round.

    Attributes
    ----------
    lines
        Empty where so few answered that a median would tell who said what.
    text
        Language to the letter.
    """

    member: str
    round: int
    lines: tuple[Line, ...]
    text: Mapping[Language, str]


def feedback(
    answers: Answers,
    result: DelphiResult,
    rules: Rules,
    number: int,
    labels: Mapping[str, Mapping[Language, str]] | None = None,
) -> tuple[Feedback, ...]:
    """Return the feedback of a round to every member of the panel, by name of the member.

    The views of the roles are left out: the median of five executives is nearer to a name than
    that of fifteen.

    Parameters
    ----------
    number
        A round that was held.
    labels
        Dimension to its name in each language; by default the id.
    """
    held = next(each for each in result.rounds if each.number == number)
    own = {answer.member: answer.weights for answer in answers.of(number)}
    shown = held.agreement.members >= rules.delphi.least_for_feedback
    found = []
    for member in answers.members:
        given = own.get(member)
        lines = tuple(
            _line(spread, given[k] if given else None)
            for k, spread in enumerate(held.dimensions)
            if shown
        )
        text = {
            language: _letter(held, lines, rules, language, labels or {}) for language in _LANGUAGES
        }
        found.append(Feedback(member, number, lines, text))
    return tuple(found)


_LANGUAGES: tuple[Language, ...] = ("en", "zh")


def _line(spread: Spread, own: float | None) -> Line:
    place: Place
    if own is None:
        place = "absent"
    elif own > spread.high:
        place = "above"
    else:
        place = "below" if own < spread.low else "inside"
    return Line(spread.dimension, own, spread.median, spread.low, spread.high, place)


def _letter(
    held: Round,
    lines: tuple[Line, ...],
    rules: Rules,
    language: Language,
    labels: Mapping[str, Mapping[Language, str]],
) -> str:
    texts = rules.texts(language)

    def name(dimension: str) -> str:
        return labels.get(dimension, {}).get(language, dimension)

    told = [texts.say("title", round=held.number, members=held.agreement.members)]
    for line in lines:
        own = {} if line.own is None else {"own": f"{line.own:.1%}"}
        told.append(
            texts.say(
                line.place,
                dimension=name(line.dimension),
                median=f"{line.median:.1%}",
                low=f"{line.low:.1%}",
                high=f"{line.high:.1%}",
                **own,
            )
        )
    if not lines:
        told.append(texts.say("withheld"))
    elif held.disputed:
        comma = ", " if language == "en" else "、"
        told.append(texts.say("disputed", dimensions=comma.join(map(name, held.disputed))))
    else:
        told.append(texts.say("agreed"))
    told.append(texts.say(held.verdict))
    return "\n".join(told) + "\n"
