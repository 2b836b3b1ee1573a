"""What every page has around its content: title, language switch, run facts, paging."""

from __future__ import annotations

from dataclasses import dataclass

from serving.domain.grade import Basis, Run
from serving.web.addresses import address
from serving.web.formats import Writer
from serving.web.i18n import Language, messages


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its text; ``current`` marks where the reader is."""

    text: str
    address: str
    current: bool = False
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; ``aside`` says more in small print."""

    label: str
    value: str
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything around the content of a page.

    Attributes
    ----------
    title
        Of the document; ``heading`` without the site's name.
    charts
        Whether the page needs the chart scripts.
    simulated
        Whether a badge says that the data is made up.
    """

    language: str
    title: str
    navigation: tuple[Link, ...]
    languages: tuple[Link, ...]
    facts: tuple[Fact, ...]
    simulated: bool
    charts: bool = False


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in a list a page stands; an address is empty where there is nothing to go to."""

    showing: str
    previous: str
    next: str


def tone(tier_index: int) -> str:
    """Return the CSS class of a tier's colour; a seventh tier shares with the sixth."""
    return f"t{min(tier_index, 5) + 1}"


def shell(
    writer: Writer,
    heading: str,
    *,
    here: str,
    current: str = "",
    run: Run | None = None,
    basis: Basis | None = None,
    charts: bool = False,
) -> Shell:
    """Build what stands around a page.

    Parameters
    ----------
    here
        Path and query of the page without ``lang``.
    current
        ``/`` or ``/reviews`` when the page is one of the navigation.
    basis
        What the one grade of the page rests on; by default all grades of the run are meant.
    """
    words = writer.words
    return Shell(
        language=writer.language.value,
        title=words("site.title", page=heading),
        navigation=(
            Link(words("nav.portfolio"), "/", current == "/"),
            Link(words("nav.reviews"), "/reviews", current == "/reviews"),
        ),
        languages=tuple(
            Link(
                language.own_name,
                f"{here}{'&' if '?' in here else '?'}lang={language.value}",
                language is writer.language,
                language.value,
            )
            for language in Language
        ),
        facts=run_facts(writer, run, basis) if run else (),
        simulated=run is not None and run.basis.simulated,
        charts=charts,
    )


def run_facts(writer: Writer, run: Run, one: Basis | None = None) -> tuple[Fact, ...]:
    """Return what the grades of a run rest on; ``one``: what a single grade of it does."""
    words, basis = writer.words, one or run.basis
    facts = [
        Fact(words("run.data"), world_name(writer, basis.world)),
        Fact(words("run.as_of"), writer.day(basis.as_of)),
        Fact(words("run.model"), _model(writer, run, one)),
        Fact(
            words("run.scheme"),
            words("run.scheme_version", id=basis.scheme_id, version=basis.scheme_version),
        ),
        Fact(words("run.graded"), writer.instant(run.finished_at)),
    ]
    if basis.trained_as_of is not None:
        facts.insert(3, Fact(words("run.trained"), writer.day(basis.trained_as_of)))
    return tuple(facts)


def _model(writer: Writer, run: Run, one: Basis | None) -> str:
    words, basis = writer.words, one or run.basis
    if basis.model_version is None:
        model = words("run.model_unregistered")
    else:
        model = words("run.model_version", version=basis.model_version)
    if basis.canary:
        return words("run.model_canary", model=model)
    if one is not None or run.canary is None or not run.canary.customers:
        return model
    return words(
        "run.model_beside",
        model=model,
        canary=run.canary.basis.model_version or run.canary.basis.bundle_digest[:12],
        customers=writer.plain(run.canary.customers),
    )


def world_name(writer: Writer, world: str) -> str:
    """Return the name of an input world; a user's own world is called by its id."""
    return messages(writer.language).get(f"world.{world}", world)


def paging(
    writer: Writer, path: str, *, offset: int, shown: int, total: int, size: int, **query: str
) -> Paging:
    """Return the position in a list of which ``shown`` rows from ``offset`` are on the page."""
    page = offset // size + 1
    return Paging(
        showing=writer.words(
            "paging.showing",
            first=writer.plain(offset + 1),
            last=writer.plain(offset + shown),
            total=writer.plain(total),
        ),
        previous=address(path, **query, page=page - 1) if offset > 0 else "",
        next=address(path, **query, page=page + 1) if offset + shown < total else "",
    )
