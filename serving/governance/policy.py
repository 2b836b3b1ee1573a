"""The policy about data: four classes, clearances, reading in bulk, exports (#99, #101, #103)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving.domain.access import Role
from tiering.errors import Fault, SchemeError
from tiering.policy_text import parse_policy

DataClass = Literal["public", "internal", "secret", "confidential"]
CLASSES: tuple[DataClass, ...] = ("public", "internal", "secret", "confidential")
"""From the least to the most sensitive."""
Part = Literal["grade", "churn", "ltv", "dimensions", "reasons", "explanation"]
PARTS: tuple[Part, ...] = ("grade", "churn", "ltv", "dimensions", "reasons", "explanation")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassLabel(_Frozen):
    """A data class in words."""

    id: DataClass
    label_en: str
    label_zh: str


class Reading(_Frozen):
    """When reading many customers is no longer work.

    Attributes
    ----------
    working_days
        1 is Monday.
    window_minutes
        How far back customers are counted.
    customers_off_hours, customers_at_work
        Different customers read by one principal within the window that raise the alarm.
    """

    time_zone: str
    working_days: tuple[Annotated[int, Field(ge=1, le=7)], ...]
    opens: time
    closes: time
    window_minutes: int = Field(ge=1, le=1440)
    customers_off_hours: int = Field(ge=1)
    customers_at_work: int = Field(ge=1)

    @model_validator(mode="after")
    def _sound(self) -> Reading:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.time_zone!r}") from error
        if self.opens >= self.closes:
            raise ValueError("the day must open before it closes")
        return self

    def at_work(self, instant: datetime) -> bool:
        """Tell whether an instant (naive UTC) lies in working hours."""
        local = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(self.time_zone))
        on_duty = local.isoweekday() in self.working_days
        return on_duty and self.opens <= local.time() < self.closes


class Exports(_Frozen):
    """How data may leave: who approves, how many customers, for how long, under which lock."""

    first_role: Role
    second_role: Role
    max_customers: int = Field(ge=1)
    valid_days: int = Field(ge=1, le=90)
    locked_from: DataClass


class GovernancePolicy(_Frozen):
    """Which data are how sensitive, who sees them, and how they may leave the house."""

    id: str
    version: str
    title_en: str
    title_zh: str
    classes: tuple[ClassLabel, ...]
    parts: dict[Part, DataClass]
    raised_tiers: tuple[str, ...] = ()
    clearance: dict[Role, DataClass]
    reading: Reading
    exports: Exports

    def class_of(self, part: Part, tier_id: str) -> DataClass:
        """Return the class of a part of the grade of a customer in a tier."""
        own = self.parts[part]
        return "confidential" if own == "secret" and tier_id in self.raised_tiers else own

    def sees(self, roles: frozenset[Role], data_class: DataClass) -> bool:
        """Tell whether somebody with these roles sees data of a class."""
        return any(
            CLASSES.index(data_class) <= CLASSES.index(self.clearance[role]) for role in roles
        )


@cache
def packaged_governance() -> GovernancePolicy:
    """Return the policy of the package."""
    text = (files("serving") / "governance" / "governance.toml").read_text("utf-8")
    return parse_governance(text, origin="default")


def load_governance(path: Path | None) -> GovernancePolicy:
    """Read the policy of a file, or that of the package.

    Raises
    ------
    SchemeError
        If there is no such file, or it breaks a rule; all faults are listed.
    """
    if path is None:
        return packaged_governance()
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemeError(
            f"The governance policy {path.name} cannot be read.",
            hint="TIERWISE_GOVERNANCE takes the path of a TOML file.",
        ) from error
    return parse_governance(text, origin=path.name)


def parse_governance(text: str, *, origin: str) -> GovernancePolicy:
    """Read a policy from TOML text and check it.

    Raises
    ------
    SchemeError
        If it is no TOML, does not fit, or breaks a rule; all faults are listed.
    """
    return parse_policy(
        text,
        GovernancePolicy,
        _faults,
        what="Governance policy",
        origin=origin,
        pattern="serving/governance/governance.toml",
    )


def _faults(policy: GovernancePolicy) -> Iterator[Fault]:
    if tuple(each.id for each in policy.classes) != CLASSES:
        yield Fault("classes", f"There are four, in this order: {', '.join(CLASSES)}.")
    missing = [part for part in PARTS if part not in policy.parts]
    if missing:
        yield Fault("parts", f"No class is said for: {', '.join(missing)}.")
    unclear = [role.value for role in Role if role not in policy.clearance]
    if unclear:
        yield Fault("clearance", f"No clearance is said for: {', '.join(unclear)}.")
    if policy.exports.first_role == policy.exports.second_role:
        yield Fault("exports.second_role", "Two different roles have to approve (#101).")
