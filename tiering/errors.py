"""What can go wrong in the grading policy.

The branch::

    PolicyError                a scheme or its use is wrong
    ├── SchemeError            the scheme TOML breaks a rule; carries every fault at once
    │   └── WeightsError       a panel's answers or a record of weights break one
    ├── PopulationError        a reference population or a comparison cannot be computed
    ├── UngradableError        the values handed in cannot be graded
    └── TransitionError        an alert or a case cannot take this step from where it stands
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from features.errors import TierwiseError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a scheme.

    Attributes
    ----------
    path
        Where, as written in the TOML: ``dimensions.value.indicators.ltv``, ``tiers[1].cut``.
    message
        What is wrong and, where it can be known, the repair.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class PolicyError(TierwiseError):
    """The grading policy, or the way it is used, is wrong."""


class SchemeError(PolicyError):
    """A scheme cannot be read or breaks a rule.

    Attributes
    ----------
    faults
        All faults found, in the order of the file; empty when the file is unreadable.
    """

    def __init__(
        self, message: str, *, hint: str = "", faults: Iterable[Fault] = (), **context: object
    ) -> None:
        self.faults = tuple(faults)
        listed = "".join(f"\n  - {fault}" for fault in self.faults)
        super().__init__(
            message + listed,
            hint=hint,
            faults=[asdict(fault) for fault in self.faults],
            **context,
        )

    def __str__(self) -> str:
        # The hint is about the whole list, so it must not trail the last fault.
        return f"{self.message}\n{self.hint}".strip() if self.faults else super().__str__()


class WeightsError(SchemeError):
    """A panel's answers, the rules they are read by, or a record of weights are wrong."""


class PopulationError(PolicyError):
    """A reference population or a comparison of populations cannot be computed."""


class UngradableError(PolicyError):
    """Values that cannot be graded: a column is absent, or a customer has no data at all."""


class TransitionError(PolicyError):
    """A step that an alert or a review case cannot take from where it stands."""
