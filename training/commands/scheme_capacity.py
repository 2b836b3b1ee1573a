"""``tierwise scheme capacity``: cuts that fill the tiers to what the managers can hold (#60)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer
from rich.console import Console

from training.commands.scheme_tables import Language, Rows, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tiering.capacity import CutProposal, Load
    from tiering.policy import Scheme
    from training.dry_run import Population

console = Console()


def capacity(
    scheme: Annotated[str, typer.Argument(help="Name of a shipped scheme, or a TOML file.")],
    published: Annotated[Path, typer.Option("--published", help="Folder of published snapshots.")],
    hold: Annotated[
        list[str] | None,
        typer.Option("--hold", metavar="TIER=N", help="Customers of a tier one manager can hold."),
    ] = None,
    managers: Annotated[
        list[str] | None,
        typer.Option("--managers", metavar="TIER=N", help="Managers of a tier with `--hold`."),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option("--share", metavar="TIER=S", help="Or its share of all, as 0.3."),
    ] = None,
    per_manager: Annotated[
        tuple[int, int],
        typer.Option(metavar="MIN MAX", help="Customers of all tiers a manager should hold."),
    ] = (20, 30),
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Model bundle that predicts; without, that is unknown."),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option("--sources", help="Ingested sources: also tell what each manager holds."),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Published day; the latest by default."),
    ] = None,
    fill: Annotated[
        bool, typer.Option("--fill/--only-raise", help="Whether tiers with room are filled up.")
    ] = True,
    most: Annotated[int, typer.Option("--movers", min=0, help="Movers to name.")] = 20,
    language: Annotated[
        Literal["en", "zh"], typer.Option("--lang", "--language", help="Language of the answer.")
    ] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Propose cuts under which no tier holds more than its managers can: nothing is changed."""
    from features.sources import open_sources
    from tiering.capacity import CapacityPolicy, TierLimit, capacity_faults, loads, propose_cuts
    from tiering.errors import PolicyError, SchemeError
    from tiering.scheme import load_scheme
    from training.bundle import Bundle
    from training.customers import owners
    from training.dry_run import gradable, read_population

    policy = CapacityPolicy(
        limits=(
            *(TierLimit(tier=t, per_manager=int(n)) for t, n in _pairs("--hold", hold, whole=True)),
            *(TierLimit(tier=t, share=s) for t, s in _pairs("--share", share)),
        ),
        manager_min=per_manager[0],
        manager_max=per_manager[1],
    )
    if not policy.limits:
        raise typer.BadParameter("Say what at least one tier may hold: --hold or --share.")
    found = load_scheme(scheme)
    if found.decider != "score":
        raise PolicyError(
            f"The scheme {found.id!r} does not part its tiers by the score alone.",
            hint="Cuts can be proposed for schemes that decide by score: `tierwise scheme list`.",
        )
    ids = [tier.id for tier in found.tiers]
    faults = list(capacity_faults(policy, ids))
    if faults:
        raise SchemeError("The limits cannot hold.", faults=faults)
    everybody = read_population(
        published, as_of.date() if as_of else None, Bundle.load(bundle) if bundle else None
    )
    population = everybody.where(gradable(everybody, [found]))
    decisions = population.decide(found)
    there = {tier: int(n) for tier, n in _pairs("--managers", managers, whole=True)}
    idle = set(there) - {each.tier for each in policy.limits if each.per_manager is not None}
    if idle:
        raise typer.BadParameter(
            f"{', '.join(sorted(idle))} without --hold.", param_hint="--managers"
        )
    proposal = propose_cuts(
        policy, ids, decisions.composite.score, np.array(found.cuts), there, fill=fill
    )
    known = owners(open_sources(sources)) if sources else {}
    names = np.array([known.get(c, "") for c in population.customer_id.tolist()], dtype=np.str_)
    held = loads(policy, ids, names, proposal.after)
    if as_json:
        told = _content(population, proposal, held, most)
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False))
        return
    _show(found, population, proposal, held, most, language)
    if sources and not held:
        text = ("No source tells account managers.", "数据源未提供客户经理。")
        console.print(say(language, *text), highlight=False)


def _pairs(
    option: str, told: Sequence[str] | None, *, whole: bool = False
) -> list[tuple[str, float]]:
    """Read ``TIER=NUMBER`` as often as it was given."""
    pairs = []
    for each in told or ():
        tier, _, number = each.partition("=")
        try:
            if whole and int(number) < 0:
                raise ValueError(number)
            pairs.append((tier, float(int(number) if whole else float(number))))
        except ValueError:
            wanted = "TIER=N with a whole number, not below 0"
            if not whole:
                wanted = "TIER=S with a number, as 0.3"
            raise typer.BadParameter(f"{each!r} must be {wanted}.", param_hint=option) from None
    return pairs


def _content(
    population: Population, proposal: CutProposal, held: Sequence[Load], most: int
) -> dict[str, Any]:
    before, after = (counts.tolist() for counts in proposal.counts)
    return {
        "as_of": str(population.as_of),
        "customers": len(population.customer_id),
        "tiers": [
            {
                "tier": tier,
                "cut": float(cut),
                "proposed": float(new),
                "capacity": None if np.isnan(room) else int(room),
                "before": was,
                "after": becomes,
            }
            for tier, cut, new, room, was, becomes in zip(
                proposal.tier_ids, proposal.cuts, proposal.proposed, proposal.capacity,
                before, after, strict=True,
            )
        ],
        "moving": len(proposal.movers),
        "movers": [
            {"customer": customer, "before": was, "after": becomes}
            for customer, was, becomes in _movers(population, proposal, most)
        ],
        "managers": [
            {"manager": h.manager, "customers": h.customers, "by_tier": dict(h.by_tier),
             "over": list(h.over), "status": h.status}
            for h in held
        ],
    }  # fmt: skip


def _show(
    scheme: Scheme,
    population: Population,
    proposal: CutProposal,
    held: Sequence[Load],
    most: int,
    language: Language,
) -> None:
    from training.evaluation.tables import rich_table

    labels = {tier.id: say(language, tier.label_en, tier.label_zh) for tier in scheme.tiers}
    before, after = (counts.tolist() for counts in proposal.counts)
    rows = [
        say(
            language,
            "tier|may hold|cut|proposed|customers|then",
            "等级|容量|分数线|建议分数线|客户数|调整后",
        ).split("|"),
        *(
            [labels[tier], "–" if np.isnan(room) else f"{room:,.0f}", f"{cut:g}", f"{new:g}",
             f"{was:,}", f"{becomes:,}"]
            for tier, room, cut, new, was, becomes in zip(
                proposal.tier_ids, proposal.capacity, proposal.cuts, proposal.proposed,
                before, after, strict=True,
            )
        ),
    ]  # fmt: skip
    console.print(rich_table(rows, f"{scheme.id} {scheme.version}, {population.as_of}"))
    n = len(proposal.movers)
    head = say(language, f"{n:,} customers would move.", f"{n:,}位客户的等级将变动。")
    console.print(head, highlight=False)
    movers = [
        [customer, labels[was], labels[becomes]]
        for customer, was, becomes in _movers(population, proposal, most)
    ]
    if movers:
        header = say(language, "customer|tier|then", "客户|等级|调整后").split("|")
        console.print(rich_table([header, *movers], say(language, "Who moves", "变动客户")))
    if held:
        title = say(language, "What each manager would hold", "调整后各客户经理的负荷")
        console.print(rich_table(_loads(held, labels, language), title))
    text = "Nothing was changed: cuts become true when they are written into the scheme."
    console.print(say(language, text, "未作任何改动：写入方案后分数线才会生效。"), soft_wrap=True)


def _movers(population: Population, proposal: CutProposal, most: int) -> list[tuple[str, str, str]]:
    """Return customer, tier and tier by the proposal, who moves farthest first, then by row."""
    rows = proposal.movers
    distance = np.abs(proposal.after[rows] - proposal.before[rows])
    return [
        (
            str(population.customer_id[row]),
            proposal.tier_ids[proposal.before[row]],
            proposal.tier_ids[proposal.after[row]],
        )
        for row in rows[np.argsort(-distance, kind="stable")][:most].tolist()
    ]


_STATUS: Mapping[str, tuple[str, str]] = {
    "over": ("too many", "超负荷"),
    "under": ("has room", "有余量"),
    "fits": ("fits", "合适"),
}


def _loads(held: Sequence[Load], labels: Mapping[str, str], language: Language) -> Rows:
    header = say(language, "manager|customers", "客户经理|客户数").split("|")
    return [
        [*header, *labels.values(), say(language, "load", "负荷")],
        *(
            [
                load.manager,
                f"{load.customers:,}",
                *(f"{load.by_tier[tier]:,}{'!' if tier in load.over else ''}" for tier in labels),
                say(language, *_STATUS[load.status]),
            ]
            for load in held
        ),
    ]
