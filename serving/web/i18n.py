"""The languages of the pages: which one a request wants, and its words.

Words live in ``locales/<language>.toml``; nested tables become dotted keys, so
``[portfolio] title = ...`` is ``portfolio.title``. A missing key is an error, never an
empty label, and a test compares the key sets of all languages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

COOKIE = "tierwise_lang"
"""Name of the cookie that remembers a chosen language."""


class Language(StrEnum):
    """A language the pages speak; the value is its BCP 47 tag."""

    EN = "en"
    ZH = "zh-CN"

    @property
    def own_name(self) -> str:
        """The language's name in itself, for the switch."""
        return {Language.EN: "English", Language.ZH: "中文"}[self]

    def pick(self, en: str, zh: str) -> str:
        """Return the text in this language out of a pair, as catalogue and scheme give it."""
        return zh if self is Language.ZH else en


def match(tag: str | None) -> Language | None:
    """Return the language a BCP 47 tag stands for, ``None`` for one the pages do not speak."""
    primary = (tag or "").strip().lower().partition("-")[0]
    return {"en": Language.EN, "zh": Language.ZH}.get(primary)


def negotiate(query: str | None, cookie: str | None, accept_language: str | None) -> Language:
    """Choose the language of a page: address, then cookie, then browser, then English.

    Parameters
    ----------
    query
        ``?lang=`` of the address.
    cookie
        What the cookie remembers.
    accept_language
        The ``Accept-Language`` header (RFC 9110, section 12.5.4).
    """
    chosen = match(query) or match(cookie)
    if chosen:
        return chosen
    wanted = sorted(_ranges(accept_language or ""), key=lambda item: -item[1])
    for tag, quality in wanted:
        language = match(tag)
        if language and quality > 0:
            return language
    return Language.EN


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        name, _, value = parameter.partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            quality = 0.0
        yield tag, quality


@cache
def messages(language: Language) -> Mapping[str, str]:
    """Return all texts of a language by dotted key."""
    path = files("serving.web") / "locales" / f"{language.value}.toml"
    return MappingProxyType(dict(_flatten(tomllib.loads(path.read_text("utf-8")))))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language: ``words("portfolio.title")``."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its ``{placeholders}`` filled.

        Raises
        ------
        KeyError
            If the language has no such key, or a placeholder is not given.
        """
        return messages(self.language)[key].format(**values)
