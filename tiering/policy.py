"""The content of a grading scheme: frozen values without rules or files.

Which contents are acceptable is said in ``tiering/validate.py``; how a TOML becomes a
:class:`Scheme` in ``tiering/scheme.py``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from features.schema import Dimension

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IndicatorWeight(_Frozen):
    """An indicator's share of its dimension.

    Attributes
    ----------
    name
        Catalogue or prediction name.
    weight
        Share in (0, 1]; the shares of a dimension sum to 1.
    """

    name: str
    weight: Number


class DimensionWeight(_Frozen):
    """A dimension's share of the score and what it is made of (requirement #38).

    Attributes
    ----------
    weight
        Share in (0, 1]; the shares of a scheme sum to 1.
    """

    id: Dimension
    weight: Number
    label_en: str = ""
    label_zh: str = ""
    indicators: tuple[IndicatorWeight, ...] = ()


class Tier(_Frozen):
    """One class of customers (requirement #41).

    Attributes
    ----------
    id
        Unique inside its scheme only; ``Scheme.tier_key`` is unique everywhere (X9).
    cut
        Lower bound of the score, inclusive, 0 to 100.
    """

    id: str
    cut: Number
    label_en: str = ""
    label_zh: str = ""


class Referral(_Frozen):
    """When a decision goes to the expert panel (requirement #93).

    Attributes
    ----------
    band
        Points; a score nearer than this to a cut is borderline.
    max_missing_weight
        Share (0 to 1) of the weight without data up to which no panel is needed.
    refer_flags
        Flags of the caller that need the panel.
    max_jump_ratio
        A jump in spend (``tiering/challenge.py``) that reaches this ratio and is not explained
        goes to the panel (#7); None or 0 challenges nobody.
    """

    band: Number
    max_missing_weight: Number
    refer_flags: tuple[str, ...] = ()
    max_jump_ratio: Number | None = None


class Scheme(_Frozen):
    """A versioned grading policy.

    Attributes
    ----------
    dimensions
        The five dimensions in the order they are shown.
    tiers
        Best to worst; tier ``i`` holds scores in ``[cut_i, cut_{i-1})``.
    """

    id: str
    version: str
    title_en: str = ""
    title_zh: str = ""
    dimensions: tuple[DimensionWeight, ...]
    tiers: tuple[Tier, ...]
    referral: Referral
    _source: str = PrivateAttr("")
    _source_sha256: str = PrivateAttr("")

    @property
    def indicators(self) -> tuple[str, ...]:
        """Names of all indicators, ``(k,)``, dimension by dimension."""
        return tuple(i.name for dimension in self.dimensions for i in dimension.indicators)

    @property
    def sha256(self) -> str:
        """Hex digest of the content, labels included; the TOML's layout does not matter."""
        # What a scheme does not say stays out: a new key leaves the hash of older schemes alone.
        said = self.model_dump(mode="json", exclude_none=True)
        content = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def tier_key(self, index: int) -> str:
        """Return a tier id that is unique across schemes, ``five-dimension/core`` (X9)."""
        return f"{self.id}/{self.tiers[index].id}"

    def remember(self, source: str) -> Scheme:
        """Return a copy that knows the text it was read from."""
        scheme = self.model_copy()
        scheme._source = source
        scheme._source_sha256 = self.sha256
        return scheme

    def to_toml_text(self) -> str:
        """Return the scheme as TOML: the original text, comments and all, if it still holds.

        A scheme made or changed in code has no such text and is written afresh.
        """
        return self._source if self._source_sha256 == self.sha256 else _write(self)


def _write(scheme: Scheme) -> str:
    """Write a scheme as TOML; reading it back gives the same content."""
    lines = [f"{key} = {_quote(getattr(scheme, key))}" for key in _HEAD]
    lines += [
        "",
        "[referral]",
        f"band = {scheme.referral.band!r}",
        f"max_missing_weight = {scheme.referral.max_missing_weight!r}",
        f"refer_flags = [{', '.join(map(_quote, scheme.referral.refer_flags))}]",
    ]
    if scheme.referral.max_jump_ratio is not None:
        lines.append(f"max_jump_ratio = {scheme.referral.max_jump_ratio!r}")
    for dimension in scheme.dimensions:
        lines += [
            "",
            f"[dimensions.{dimension.id.value}]",
            f"weight = {dimension.weight!r}",
            f"label_en = {_quote(dimension.label_en)}",
            f"label_zh = {_quote(dimension.label_zh)}",
            "",
            f"[dimensions.{dimension.id.value}.indicators]",
            *(f"{_quote(i.name)} = {i.weight!r}" for i in dimension.indicators),
        ]
    for tier in scheme.tiers:
        lines += [
            "",
            "[[tiers]]",
            f"id = {_quote(tier.id)}",
            f"label_en = {_quote(tier.label_en)}",
            f"label_zh = {_quote(tier.label_zh)}",
            f"cut = {tier.cut!r}",
        ]
    return "\n".join(lines) + "\n"


_HEAD = ("id", "version", "title_en", "title_zh")


def _quote(text: str) -> str:
    # JSON escapes are TOML escapes, but JSON leaves DEL bare and TOML does not allow it.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
