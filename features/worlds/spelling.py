"""How people get a simulated company name wrong: slips, look-alikes, widths and cases."""

from __future__ import annotations

import numpy as np

MARKS = (
    "华联鑫源盛泰恒瑞博远宏达金诚信德永康安明辉腾飞天海龙凤祥云兴旺丰茂嘉禾中正元亨利贞佳美优"
    "卓越创新锐捷通宇航星辰晨光耀东方南洋北斗西岭春秋江河山川松柏竹梅兰青蓝紫红白玉石林森木水"
    "火土大成立业立高科方圆聚力聚能合众同仁济世福禄寿喜百千万亿和平顺昌隆富贵"
)
"""Characters of simulated Chinese brands."""
_LOOKALIKES = (
    "华化花",
    "联连莲",
    "鑫新欣",
    "源元原",
    "盛胜圣",
    "达大打",
    "诚成城",
    "宏鸿洪",
    "瑞锐睿",
    "辉晖慧",
)
TRADITIONAL = str.maketrans(
    "华联达丰龙飞业东兴优创万亿宝贵兰圆", "華聯達豐龍飛業東興優創萬億寶貴蘭圓"
)


def restyled(rng: np.random.Generator, name: str, chinese: bool) -> str:
    """Return a name in another width, case or punctuation."""
    style = rng.integers(3)
    if style == 0:
        return name.upper() if not chinese else name.replace("（", "(").replace("）", ")")
    if style == 1:
        wide: dict[int, str | int] = {
            ord(" "): "\u3000",
            **{code: code + 0xFEE0 for code in range(0x21, 0x7F)},
        }
        return name.translate(wide)
    return (
        f" {name.replace(',', '').replace('.', '')}" if not chinese else f"{name[:2]} {name[2:]} "
    )


def misspelt(rng: np.random.Generator, text: str, errors: int) -> str:
    """Return a text with characters wrong, missing, added or swapped."""
    for _ in range(errors):
        at = int(rng.integers(len(text)))
        old = text[at]
        family = next((f for f in _LOOKALIKES if old in f), "")
        pool = list(
            family.replace(old, "") or (MARKS if not old.isascii() else "abcdeghiklmnoprstuw")
        )
        kind = rng.random()
        if kind < 0.5 or len(text) < 3:
            text = text[:at] + str(rng.choice(pool)) + text[at + 1 :]
        elif kind < 0.7:
            text = text[:at] + text[at + 1 :]
        elif kind < 0.85:
            text = text[:at] + str(rng.choice(pool)) + text[at:]
        else:
            at = min(at, len(text) - 2)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text
