"""The content of a migration policy: how a raw tier becomes the tier a customer holds.

A scheme says which tier the figures of one day give. Between two days a figure moves by chance
as well, and a customer whose tier follows each of its moves is treated one way this quarter and
another way the next. This policy says how far, how long and how fast (requirements #57, #59;
Altman and Rijken, How rating agencies achieve rating stability, 2004).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tiering.condition import Condition, parse_condition

Points = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AutomaticUpgrade(_Frozen):
    """What lifts a customer to a tier whatever its score, and keeps it there (#57).

    Attributes
    ----------
    tier
        Id of the tier that is reached.
    when
        Conditions (``tiering/condition.py``) that must all hold: amount *and* tenure.
    """

    tier: str
    when: tuple[str, ...]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """``when`` as read."""
        return tuple(map(parse_condition, self.when))


class TransitionSupport(_Frozen):
    """What a customer of a tier is given while its downgrade is pending (过渡期支持, #59)."""

    tier: str
    text_en: str = ""
    text_zh: str = ""


class MigrationPolicy(_Frozen):
    """How tiers change from one assessment to the next; the default changes nothing.

    Attributes
    ----------
    hysteresis_up, hysteresis_down
        Points a score must lie above the better cut to move up, and below the own cut to move
        down. Only where the score decides: rules and matrices have no points.
    min_dwell_days
        Days a tier is held at least, upwards and downwards.
    grace_days
        Days a downgrade stays pending before it takes effect; the customer keeps its tier and
        is given support. It is lifted if the customer recovers meanwhile.
    max_steps_up, max_steps_down
        Tiers moved at most in one assessment; None: as many as there are.
    automatic
        Upgrades by conditions.
    support
        Texts by tier held.
    """

    hysteresis_up: Points = 0.0
    hysteresis_down: Points = 0.0
    min_dwell_days: Count = 0
    grace_days: Count = 0
    max_steps_up: Count | None = None
    max_steps_down: Count | None = None
    automatic: tuple[AutomaticUpgrade, ...] = ()
    support: tuple[TransitionSupport, ...] = ()

    @property
    def indicators(self) -> frozenset[str]:
        """Indicators and predictions the conditions depend on."""
        return frozenset(
            condition.indicator for upgrade in self.automatic for condition in upgrade.conditions
        )
