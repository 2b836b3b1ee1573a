"""Company names as people write them, taken apart: place, core, brand.

``上海华联科技有限公司``, ``華聯科技（上海）股份有限公司`` and ``华联科技`` have the core
``华联科技`` and the brand ``华联``; ``The Nordwind Trading Co., Ltd.`` has the core
``nordwindtrading`` and the brand ``nordwind``. The words that are taken off are in
``names.toml``. The parts are for comparison only; people are shown the name as written.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from features.errors import ContractError

_LISTS: dict[str, str] = tomllib.loads(
    (files("features") / "identity" / "names.toml").read_text("utf-8")
)
_SIMPLIFIED = {ord(pair[0]): pair[1] for pair in _LISTS["traditional"].split()}
_PLACE = {
    name: line.split()[1] for line in _LISTS["places"].strip().splitlines() for name in line.split()
}
_FORMS_LATIN = frozenset(_LISTS["forms_latin"].split())
_TRADES_LATIN = frozenset(_LISTS["trades_latin"].split())
_GLUED = frozenset(word for word in _TRADES_LATIN if len(word) >= 6)
_FREE_MAIL = frozenset(_LISTS["free_mail"].split())


def _any_of(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))


_CHINESE = re.compile(r"[㐀-鿿]")
_FORM_BEHIND = re.compile(f"(?<=..)(?:{_any_of(_LISTS['forms_chinese'].split())})+$")
_TRADE_BEHIND = re.compile(f"(?<=..)(?:{_any_of(_LISTS['trades_chinese'].split())})$")
_ONLY_TRADES = re.compile(f"(?:{_any_of(_LISTS['trades_chinese'].split())})*.?")
_PLACE_BEFORE = re.compile(f"({_any_of(p for p in _PLACE if _CHINESE.match(p))})[省市]?")
_BRANCH = re.compile(r"(?<=公司).{2,8}(分公司|分厂|办事处|代表处)$")
_BRACKETS = re.compile(r"[(\[<【〈《「]([^)\]>】〉》」]*)[)\]>】〉》」]")
_SEPARATORS = re.compile(r"[\W_]+")
_DOTTED = re.compile(r"(?<=\w)[.'’](?=\w|\W|$)")


@dataclass(frozen=True, slots=True)
class CompanyName:
    """The parts of a company name that comparisons use.

    Attributes
    ----------
    core
        The name without legal form and place; lower case, no spaces, simplified script.
        Never empty for a name that has a letter or digit.
    brand
        The core without trailing words of trade (科技, trading); the core if nothing else is left.
    place
        City or province named before, after or in brackets, by its Latin name; or "".
    ending
        What may be a trade that no list has: the last word, or the last two characters, of a
        brand that has more than that; or "".
    """

    core: str
    brand: str
    place: str
    ending: str = field(default="", compare=False)


def company_name(text: str, towns: frozenset[str] = frozenset()) -> CompanyName:
    """Take a company name apart.

    Parameters
    ----------
    text
        As written: any width, case, script, punctuation. "" gives empty parts.
    towns
        Places beyond those of ``names.toml``, as :func:`place` returns them: for instance all
        of the city column.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    return _chinese(plain, towns) if _CHINESE.search(plain) else _latin(plain, towns)


def learnt_trades(parts: Sequence[CompanyName], least: int) -> frozenset[str]:
    """Return the endings that so many brands have that they must be trades, or the like.

    Parameters
    ----------
    parts
        Company names taken apart; repetitions count once.
    least
        Number of different brands, without the ending, from which on it is one.
    """
    found: set[str] = set()
    brands = {(part.brand, part.ending) for part in parts if part.ending}
    while True:
        rests: dict[str, set[str]] = defaultdict(set)
        for brand, ending in brands:
            rests[ending].add(brand.removesuffix(ending))
        new = {ending for ending, before in rests.items() if len(before) >= least} - found
        if not new:
            return frozenset(found)
        found |= new
        # 塑胶制品: when 制品 is known, 塑胶 can be.
        shorter = {brand.removesuffix(ending) for brand, ending in brands if ending in new}
        brands = {(brand, end) for brand in shorter if (end := _chinese_ending(brand))}


def shortened(brand: str, trades: frozenset[str]) -> str:
    """Return a brand without trades at its end, those of :func:`learnt_trades` for instance."""
    if not _CHINESE.search(brand):
        return _unglued(brand, trades)
    while brand[-2:] in trades and len(brand) >= 4:
        brand = brand[:-2]
    return brand


def place(text: str) -> str:
    """Return a city or province by its Latin name (上海市 → shanghai), or "" if it is blank.

    A place that is not in the list stays as it is, in lower case without punctuation.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLIFIED)
    bare = _SEPARATORS.sub("", _unaccented(plain))
    if _CHINESE.search(bare) and len(bare) > 2:
        bare = re.sub(r"(特别行政区|自治区|省|市)$", "", bare)
    return _PLACE.get(bare, bare)


def phone(text: str) -> str:
    """Return the significant digits of a phone number (no country code of China, no zeros).

    "" if there are fewer than seven: that is an extension or a filler.
    """
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", text)).lstrip("0")
    if digits.startswith("86") and len(digits) >= 12:
        digits = digits[2:].lstrip("0")
    return digits if len(digits) >= 7 and len(set(digits)) > 1 else ""


def email(text: str) -> str:
    """Return an e-mail address in lower case, or "" if it is none."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return plain if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", plain) else ""


def mail_domain(address: str) -> str:
    """Return the domain of an address unless anybody can have a mailbox there."""
    domain = address.partition("@")[2]
    return "" if domain in _FREE_MAIL else domain


def tax_id(text: str) -> str:
    """Return the letters and digits of a tax id, upper case; "" if there are fewer than eight."""
    bare = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).upper()
    return bare if len(bare) >= 8 and len(set(bare)) > 1 else ""


def neighbours(core: str) -> list[str]:
    """Return the core and what is left of it when any one character is dropped, sorted.

    Two texts one substitution, insertion, deletion or transposition apart share a neighbour.

    Raises
    ------
    ContractError
        If the core is longer than 200 characters: that is no name.
    """
    if len(core) > 200:
        raise ContractError(
            f"A company name has {len(core)} characters: {core[:40]!r}…",
            hint="Check which column is mapped to 'name'.",
            length=len(core),
        )
    if len(core) < 4:
        return [core] if core else []
    return sorted({core, *(core[:at] + core[at + 1 :] for at in range(len(core)))})


def _chinese(plain: str, towns: frozenset[str]) -> CompanyName:
    where = ""
    for inner in _BRACKETS.findall(plain):
        bare = _SEPARATORS.sub("", inner)
        town = re.sub(r"[省市]$", "", bare)
        named = town if town in towns else _PLACE.get(town, "")
        if named or _FORM_BEHIND.fullmatch(bare) or bare in _LISTS["forms_chinese"].split():
            where = where or ("" if named == "china" else named)
            plain = plain.replace(inner, "")
    everything = _SEPARATORS.sub("", plain)
    rest = _FORM_BEHIND.sub("", _BRANCH.sub("", everything))
    rest, before = _without_place(rest, towns)
    core = _FORM_BEHIND.sub("", rest)
    brand = _without_trades(core)
    return CompanyName(core, brand, where or before, _chinese_ending(brand))


def _without_place(text: str, towns: frozenset[str]) -> tuple[str, str]:
    """Cut places off the front; the last one (the city after the province) counts."""
    where = ""
    while found := _PLACE_BEFORE.match(text) or _town_before(text, towns):
        rest = text[found.end() :]
        # 中国建筑 and 北京银行 are brands: nothing but a trade would be left.
        if found[1] == "中国" or len(rest) < 2 or _ONLY_TRADES.fullmatch(rest):
            break
        text, where = rest, _PLACE.get(found[1], found[1])
    return text, where


def _town_before(text: str, towns: frozenset[str]) -> re.Match[str] | None:
    size = next((size for size in (4, 3, 2) if text[:size] in towns), 0)
    return re.match(f"(.{{{size}}})市?", text) if size else None


def _without_trades(text: str) -> str:
    while (shorter := _TRADE_BEHIND.sub("", text)) != text:
        text = shorter
    return text


def _latin(plain: str, towns: frozenset[str]) -> CompanyName:
    plain = _DOTTED.sub("", _unaccented(plain).replace("&", " and ").replace("+", " and "))
    words = [word for word in _SEPARATORS.split(plain) if word]
    everything = "".join(words)
    words = _trimmed(words, _FORMS_LATIN)
    words, where = _without_latin_places(words, towns)
    words = _trimmed(words, _FORMS_LATIN)
    brand = list(words)
    while len(brand) > 1 and (brand[-1] in _TRADES_LATIN or brand[-1] == "and"):
        brand.pop()
    ending = brand[-1] if len(brand) > 1 else ""
    core = "".join(words) or everything
    return CompanyName(core, _unglued("".join(brand) or everything, _GLUED), where, ending)


def _chinese_ending(brand: str) -> str:
    return brand[-2:] if len(brand) >= 4 and _CHINESE.match(brand[-1]) else ""


def _unglued(brand: str, trades: frozenset[str]) -> str:
    """Return a Latin brand without long words of trade that no space sets off."""
    for size in range(min(len(brand) - 4, 16), 5, -1):
        if brand[-size:] in trades:
            return brand[:-size]
    return brand


def _trimmed(words: list[str], unwanted: frozenset[str]) -> list[str]:
    words = list(words)
    while len(words) > 1 and words[-1] in unwanted:
        words.pop()
    while len(words) > 1 and words[0] in {"the", "and"}:
        words.pop(0)
    return words


def _without_latin_places(words: list[str], towns: frozenset[str]) -> tuple[list[str], str]:
    where = ""
    for size in (2, 1):
        for front in (True, False):
            end = words[:size] if front else words[-size:]
            rest = words[size:] if front else words[:-size]
            name = "".join(end)
            known = name in _PLACE or name in towns
            if known and set(rest) - _FORMS_LATIN - _TRADES_LATIN:
                named = _PLACE.get(name, name)
                words, where = rest, where or ("" if named == "china" else named)
    return words, where


def _unaccented(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))
