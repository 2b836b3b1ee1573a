"""The simulated company block by block: the contract's tables, and the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from features.worlds.company import truth
from features.worlds.company.accounts import draw_accounts
from features.worlds.company.agreements import contracts
from features.worlds.company.contact_log import interactions
from features.worlds.company.judgements import assessments
from features.worlds.company.market import market
from features.worlds.company.master_data import customers
from features.worlds.company.orders import orders
from features.worlds.company.payments import invoices
from features.worlds.company.people import contacts
from features.worlds.company.service import surveys, tickets
from features.worlds.company.streams import BLOCK


@dataclass(frozen=True, slots=True)
class Block:
    """What a block of accounts adds to each table of the contract and of the truth."""

    tables: dict[str, pa.Table]
    truths: dict[str, pa.Table]


def count(accounts: int) -> int:
    """Return the number of blocks of a company."""
    return -(-accounts // BLOCK)


def simulate(seed: int, accounts: int, *, truths: bool = True) -> Iterator[Block]:
    """Yield the blocks of a company; each holds the rows of its accounts only.

    Parameters
    ----------
    seed
        The same seed gives the same company.
    accounts
        Number of accounts; the first of a larger company are those of a smaller one.
    truths
        Whether to draw up the truth as well.
    """
    for number in range(count(accounts)):
        yield _block(seed, number, accounts, truths)


def _block(seed: int, number: int, accounts: int, truths: bool) -> Block:
    a = draw_accounts(seed, number)
    ordered, lines = orders(seed, number, a, accounts)
    tables = {
        "customers": customers(seed, number, a, accounts),
        "orders": lines,
        "invoices": invoices(seed, number, a, ordered, accounts),
        "tickets": tickets(seed, number, a, accounts),
        "interactions": interactions(seed, number, a, accounts),
        "contacts": contacts(seed, number, a, accounts),
        "contracts": contracts(seed, number, a, accounts),
        "surveys": surveys(seed, number, a, accounts),
        "assessments": assessments(seed, number, a, ordered, accounts),
    }
    if number == 0:
        tables["market"] = market(seed)
    if not truths:
        return Block(tables, {})
    beside = {
        "accounts": truth.account_truth(a, accounts),
        "months": truth.month_truth(a, accounts),
        "causes": truth.causes(a, ordered, accounts),
    }
    return Block(tables, beside)
