"""The words of the model card and its figures, from ``training/card/wording.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@cache
def words(language: Language) -> Mapping[str, str]:
    """Return the card's words in a language."""
    document = tomllib.loads((files("training.card") / "wording.toml").read_text("utf-8"))
    found: Mapping[str, str] = document[language]
    return found
