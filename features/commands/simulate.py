"""`tierwise features simulate`: a simulated B2B company of any size, with its truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from features.commands.terminal import bar
from features.worlds.company.writing import TRUTH, accounts_for, write_company


def simulate(
    out: Annotated[Path, typer.Option(help="Folder to write; replaced as a whole.")],
    accounts: Annotated[int | None, typer.Option(min=1, help="Number of accounts.")] = None,
    orders: Annotated[
        int | None, typer.Option(min=1, help="About how many order lines, instead of accounts.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same company.")] = 1,
    chunk: Annotated[
        int, typer.Option(min=1, help="Accounts in memory at a time; the rows do not depend on it.")
    ] = 5_000,
) -> None:
    """Write a simulated company: ten tables as Parquet, its truth, and a mapping to ingest it."""
    if (accounts is None) == (orders is None):
        raise typer.BadParameter("Give either --accounts or --orders.")
    size = accounts if accounts is not None else accounts_for(orders or 1)
    console = Console()
    with bar(console) as progress:
        written = write_company(out, accounts=size, seed=seed, chunk=chunk, progress=progress)
    for name, rows in written.rows.items():
        console.print(f"  {name}: {rows:,} rows", highlight=False)
    console.print(
        f"Simulated: {size:,} accounts, seed {seed}, in {out}; what is true, in {out / TRUTH}. "
        f"Take it in: tierwise features ingest --data {out} --mapping {out / 'mapping.toml'} "
        f"--out {out}-sources",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
