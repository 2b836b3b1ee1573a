"""Lifecycle policies as a run was graded with them (#36, #37)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageLabel:
    """A stage; its id is unique inside its policy."""

    id: str
    label_en: str
    label_zh: str

    def label(self, lang: str) -> str:
        """Return the name of the stage in a language."""
        return self.label_zh if lang == "zh-CN" else self.label_en


@dataclass(frozen=True, slots=True)
class LifecycleLabel:
    """A policy of stages.

    Attributes
    ----------
    sha256
        Of the policy's content, hex.
    stages
        As a customer passes through them.
    """

    id: str
    version: str
    sha256: str
    title_en: str
    title_zh: str
    stages: tuple[StageLabel, ...]

    def title(self, lang: str) -> str:
        """Return the name of the policy in a language."""
        return self.title_zh if lang == "zh-CN" else self.title_en

    def stage(self, stage_id: str) -> StageLabel:
        """Return the stage with an id."""
        return next(stage for stage in self.stages if stage.id == stage_id)
