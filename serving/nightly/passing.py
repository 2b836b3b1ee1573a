"""The customers of a batch as they pass by: each graded by its side's model, all kept together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from features.schema import FloatArray, Frames, IndicatorFrame
from serving.domain.canary import Canary
from serving.domain.grade import Basis, LayoutEntry
from serving.domain.tenure import HeldBefore
from serving.errors import BatchError
from serving.holding import hold
from serving.nightly.merging import InOrder, Pair
from serving.nightly.packing import packed
from serving.nightly.tally import Tally
from serving.nightly.watching import Watch
from serving.scoring import Graded, aligned, basis_of, check_columns, grade
from serving.sides import Tried, unfit
from training.bundle import Bundle


@dataclass(slots=True)
class Side:
    """One model of a run, and what is known of the grades it gave so far."""

    bundle: Bundle
    basis: Basis
    layout: tuple[LayoutEntry, ...] = ()
    columns: tuple[str, ...] = ()
    customers: int = 0
    referred: int = 0


@dataclass(frozen=True, slots=True)
class Some:
    """Some graded customers of one side."""

    side: Side
    block: IndicatorFrame
    values: FloatArray
    graded: Graded


@dataclass(slots=True)
class Passing:
    """All that is kept of the customers graded so far.

    Attributes
    ----------
    champion, canary
        The sides; None: no canary.
    """

    champion: Side
    tried: Tried | None
    canary: Side | None
    rows: InOrder[Pair]
    watch: Watch
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.champion.basis.tiers)

    @classmethod
    def begin(
        cls,
        bundle: Bundle,
        tried: Tried | None,
        run_id: str,
        day: date,
        rows: InOrder[Pair],
        watch: Watch,
    ) -> Passing:
        """Return what nobody has passed by yet."""
        canary = None
        if tried is not None:
            basis = basis_of(tried.bundle, day, run_id)
            canary = Side(tried.bundle, replace(basis, canary=True))
        champion = Side(bundle, basis_of(bundle, day, run_id))
        return cls(champion, tried, canary, rows, watch)

    def split(self, block: IndicatorFrame) -> Iterator[tuple[Side, IndicatorFrame]]:
        """Yield the customers of each side, in their order; no side without any."""
        if self.canary is None or self.tried is None:
            yield self.champion, block
            return
        plan = self.tried.plan
        takes = np.array([plan.takes(each) for each in block.customer_id.tolist()], dtype=np.bool_)
        for side, mask in ((self.champion, ~takes), (self.canary, takes)):
            if mask.all():
                yield side, block
            elif mask.any():
                ids, values = block.customer_id[mask], block.values[mask]
                yield side, replace(block, customer_id=ids, values=values)

    def add(self, some: Some, held: HeldBefore) -> None:
        """Take in some more graded customers.

        Parameters
        ----------
        held
            The tiers they held.
        """
        side = some.side
        grades = hold(some.graded.grades, side.bundle.scheme, held, some.block.as_of)
        side.layout = some.graded.explanations.layout
        side.columns = tuple(grades[0].indicators)
        side.customers += len(grades)
        side.referred += sum(each.referred for each in grades)
        self.rows.add(zip(*packed(grades, some.values, some.graded.explanations), strict=True))
        self.watch.look(side.bundle, some.block, some.values, grades, side.basis)
        self.tally.add(grades)

    def of_canary(self) -> Canary | None:
        """Return what the run keeps of its canary."""
        side, tried = self.canary, self.tried
        if side is None or tried is None:
            return None
        return Canary(
            plan_id=tried.plan.plan_id,
            basis=side.basis,
            layout=side.layout,
            columns=side.columns,
            explainer=side.bundle.explainer,
            share=tried.plan.share,
            salt=tried.plan.salt,
            customers=side.customers,
            referred=side.referred,
        )


def grade_some(part: tuple[Side, IndicatorFrame]) -> Some:
    """Grade some customers by the model of their side."""
    side, block = part
    values = aligned(side.bundle, block)
    customers: Sequence[str] = block.customer_id.tolist()
    return Some(side, block, values, grade(side.bundle, values, customers, side.basis))


def check_canary(champion: Bundle, canary: Bundle, frame: Frames) -> None:
    """Refuse a canary that cannot grade a share of these customers.

    Raises
    ------
    BatchError
        If it does not fit the champion, or the frame lacks columns of it.
    """
    reason = unfit(champion, canary)
    if reason:
        raise BatchError(
            f"The canary cannot grade beside the champion: {reason}.",
            hint="A canary is another model under the champion's scheme: tierwise canary stop, "
            "or start one that is.",
            canary=canary.digest,
            champion=champion.digest,
        )
    check_columns(canary, frame)
