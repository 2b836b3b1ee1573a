"""Which language a request gets, and that every language has every word."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import serving.web
from serving.web.i18n import Language, Words, messages, negotiate
from tiering.certification.automation import REASONS as CERTIFICATE_REASONS
from tiering.referral import REASONS

WEB = Path(serving.web.__file__).parent
ENGLISH, CHINESE = messages(Language.EN), messages(Language.ZH)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def asked_for() -> set[str]:
    """Return every literal key in templates (``t("...")``) and modules (``words("...")``)."""
    texts = [path.read_text("utf-8") for path in (*WEB.rglob("*.html"), *WEB.glob("*.py"))]
    return {
        key for text in texts for key in re.findall(r"""\b(?:t|words)\(\s*["']([\w.]+)""", text)
    }


@pytest.mark.parametrize(
    ("query", "cookie", "header", "expected"),
    [
        (None, None, None, Language.EN),
        ("zh-CN", "en", "en", Language.ZH),
        ("zh-TW", None, None, Language.ZH),
        ("fr", "zh-CN", "en", Language.ZH),
        (None, "nonsense", "zh", Language.ZH),
        (None, None, "fr, zh;q=0.8, en;q=0.5", Language.ZH),
        (None, None, "zh;q=0.3, en-GB;q=0.9", Language.EN),
        (None, None, "zh;q=0, de", Language.EN),
        (None, None, "zh;q=many, en;q=0.1", Language.EN),
        (None, None, ";;,=,", Language.EN),
    ],
)
def test_address_then_cookie_then_browser_choose_the_language(
    query: str | None, cookie: str | None, header: str | None, expected: Language
) -> None:
    assert negotiate(query, cookie, header) is expected


def test_both_languages_have_the_same_keys() -> None:
    assert ENGLISH.keys() == CHINESE.keys()


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_both_languages_fill_the_same_places(key: str) -> None:
    assert ENGLISH[key].strip()
    assert CHINESE[key].strip()
    assert placeholders(ENGLISH[key]) == placeholders(CHINESE[key])


def test_every_key_that_is_asked_for_exists() -> None:
    found = asked_for()
    assert len(found) > 60
    assert found <= ENGLISH.keys()


def test_no_word_is_left_that_nobody_asks_for() -> None:
    # These are asked for by a name that is put together.
    composed = tuple(f"{family}." for family in ("world", "reason", "error", "role"))
    texts = "".join(p.read_text("utf-8") for p in (*WEB.rglob("*.html"), *WEB.glob("*.py")))
    unused = [
        k
        for k in ENGLISH
        if not k.startswith(composed) and f'{k}"' not in texts and f"{k}'" not in texts
    ]
    assert unused == []


def test_every_referral_reason_has_a_name() -> None:
    assert {f"reason.{code}" for code in (*REASONS, *CERTIFICATE_REASONS)} <= ENGLISH.keys()


def test_a_missing_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        Words(Language.EN)("portfolio.no_such_text")


def test_a_language_picks_its_side_of_a_pair() -> None:
    assert Language.EN.pick("net", "净") == "net"
    assert Language.ZH.pick("net", "净") == "净"
    assert [language.own_name for language in Language] == ["English", "中文"]
