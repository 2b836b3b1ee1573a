"""``tierwise scheme list|show|check|diff|dry-run|capacity``: grading policies before they are used.

Everything heavy is imported inside the commands, so that ``tierwise --help`` is quick.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from training.commands.scheme_capacity import capacity

if TYPE_CHECKING:
    from tiering.policy import Scheme
    from training.dry_run import Population

app = typer.Typer(
    name="scheme",
    help="Grading schemes: list, show, check, diff, dry-run, capacity.",
    no_args_is_help=True,
    add_completion=False,
)
console = Console()
app.command()(capacity)

LanguageOption = Annotated[
    Literal["en", "zh"], typer.Option("--lang", "--language", help="Language of the answer.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
SchemeArgument = Annotated[str, typer.Argument(help="Name of a shipped scheme, or a TOML file.")]
PublishedOption = Annotated[
    Path | None, typer.Option("--published", help="Folder of published snapshots.")
]
DayOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Published day; the latest by default."),
]


@app.command("list")
def list_schemes(language: LanguageOption = "en", as_json: JsonOption = False) -> None:
    """List the schemes of the package."""
    from tiering.scheme import load_scheme, scheme_names
    from training.commands import scheme_tables as tables

    schemes = [(name, load_scheme(name)) for name in scheme_names()]
    if as_json:
        _json([{"name": name, **_facts(scheme)} for name, scheme in schemes])
        return
    _table(tables.overview(schemes, language), tables.say(language, "Schemes", "分级方案"))


@app.command()
def show(scheme: SchemeArgument = "default") -> None:
    """Print a scheme with its comments, to copy and change."""
    from tiering.scheme import load_scheme, scheme_text

    typer.echo(scheme_text(load_scheme(scheme)), nl=False)


@app.command()
def check(
    file: SchemeArgument,
    published: PublishedOption = None,
    as_of: DayOption = None,
    language: LanguageOption = "en",
    as_json: JsonOption = False,
) -> None:
    """Print every fault with its place, or that the scheme is sound, and what it says."""
    from tiering.errors import SchemeError
    from tiering.scheme import load_scheme
    from training.commands import scheme_tables as tables

    try:
        found = load_scheme(file)
    except SchemeError as error:
        if not error.faults:
            raise
        if as_json:
            _json({"sound": False, "faults": error.context["faults"]})
        else:
            console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    data = _data(found, published, as_of)
    if as_json:
        _json({"sound": True, **_facts(found), **data})
        return
    sound = tables.say(language, "is sound", "通过校验")
    console.print(f"{tables.title(found, language)} {sound}.", highlight=False, soft_wrap=True)
    _table(tables.weights(found, language), tables.say(language, "Weights", "权重"))
    _table(tables.tiers(found, language), tables.say(language, "Tiers", "等级"))
    if data:
        remarks = tables.data_remarks(
            found, data["switched_off"], data["weight_without_data"],
            poor=data["poor"], blind=data["decided_blindly"], language=language,
        )  # fmt: skip
        for line in remarks:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def diff(
    before: SchemeArgument,
    after: SchemeArgument,
    language: LanguageOption = "en",
    as_json: JsonOption = False,
) -> None:
    """Say in words what changed from one scheme to another."""
    from tiering.difference import differences
    from tiering.scheme import load_scheme
    from training.commands.scheme_tables import say

    changes = differences(load_scheme(before), load_scheme(after))
    if as_json:
        _json([{"path": c.path, "en": c.en, "zh": c.zh} for c in changes])
        return
    for change in changes:
        words = say(language, change.en, change.zh)
        console.print(f"{change.path}: {words}", markup=False, highlight=False, soft_wrap=True)
    if not changes:
        console.print(say(language, "The schemes say the same.", "两个方案内容相同。"))


@app.command("dry-run")
def dry_run(
    before: SchemeArgument,
    after: SchemeArgument,
    published: Annotated[Path, typer.Option("--published", help="Folder of published snapshots.")],
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Model bundle that predicts; without, that is unknown."),
    ] = None,
    as_of: DayOption = None,
    most: Annotated[int, typer.Option("--movers", min=0, help="Movers to name.")] = 20,
    language: LanguageOption = "en",
    as_json: JsonOption = False,
) -> None:
    """Grade a published day by two schemes: who would move, and what the panel would get."""
    from tiering.rehearsal import rehearse
    from tiering.scheme import load_scheme
    from training.bundle import Bundle
    from training.commands import scheme_tables as tables
    from training.dry_run import REVENUE, gradable, read_population
    from training.errors import DatasetError

    schemes = [load_scheme(before), load_scheme(after)]
    everybody = read_population(
        published, as_of.date() if as_of else None, Bundle.load(bundle) if bundle else None
    )
    mask = gradable(everybody, schemes)
    if not mask.any():
        raise DatasetError(
            f"Nobody of {everybody.as_of} has data for both schemes.",
            hint="Give `--bundle` if they weigh predictions alone, or grade by `amount-only`.",
        )
    population = everybody.where(mask)
    decisions = [population.decide(scheme) for scheme in schemes]
    revenue = population.values[REVENUE]
    found = rehearse(decisions[0], decisions[1], population.reference, revenue, most=most)
    tiers = [d.tier.tolist() for d in decisions]
    rows = tables.movers(found, population, tiers)
    if as_json:
        _json(
            {
                "as_of": str(population.as_of),
                "customers": int(mask.sum()),
                "ungradable": int((~mask).sum()),
                "predictions": bundle is not None,
                **found.to_dict(),
                "movers": [
                    dict(zip(("customer", "before", "after"), row, strict=False))
                    | {"revenue": None if revenue[at] != revenue[at] else float(revenue[at])}
                    for at, row in zip(found.movers.tolist(), rows[1:], strict=True)
                ],
            }
        )
        return
    head = tables.say(
        language,
        f"{mask.sum():,} customers on {population.as_of}; {(~mask).sum():,} without data.",
        f"{population.as_of}共{mask.sum():,}位客户，另有{(~mask).sum():,}位无数据。",
    )
    console.print(head, highlight=False)
    if bundle is None:
        text = ("Predictions are unknown: no --bundle given.", "未提供模型包，预测值未知。")
        console.print(tables.say(language, *text), highlight=False)
    _table(tables.migration(found, language), tables.say(language, "Migration", "迁移矩阵"))
    for side in (found.before, found.after):
        _table(tables.sizes(side, language), tables.title(side.scheme, language))
    if len(rows) > 1:
        _table(rows, tables.say(language, "Who moves farthest", "变动最大的客户"))
    for line in tables.remarks(found, language):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _data(scheme: Scheme, published: Path | None, as_of: datetime | None) -> dict[str, Any]:
    """Return what a published day has no data for; predictions are taken as given."""
    if published is None:
        return {}
    from features.schema import PREDICTIONS
    from tiering.rehearsal import ENOUGH, decided_blindly, weight_without_data
    from training.dry_run import read_population

    population: Population = read_population(published, as_of.date() if as_of else None, None)
    there = {*population.reference.knots, *PREDICTIONS}
    off = [name for name in scheme.indicators if name not in there]
    weight = weight_without_data(scheme, there)
    return {
        "as_of": str(population.as_of),
        "switched_off": off,
        "weight_without_data": weight,
        "poor": weight > ENOUGH,
        "decided_blindly": list(decided_blindly(scheme, there)),
    }


def _facts(scheme: Scheme) -> dict[str, Any]:
    return {
        "id": scheme.id,
        "version": scheme.version,
        "title_en": scheme.title_en,
        "title_zh": scheme.title_zh,
        "decider": scheme.decider,
        "tiers": [tier.id for tier in scheme.tiers],
        "source": scheme.source,
        "cadence": scheme.cadence,
        "sha256": scheme.sha256,
    }


def _json(content: Any) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False))


def _table(rows: list[list[str]], title: str) -> None:
    from training.evaluation.tables import rich_table

    console.print(rich_table(rows, title))
