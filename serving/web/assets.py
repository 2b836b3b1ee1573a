"""Static files: our own few, and plotly.min.js out of the installed plotly wheel.

Every file is known by name at the start, so no path of a request ever touches the disk.
Addresses carry a digest of the content; a browser may keep what it got for a year.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

PLOTLY = "vendor/plotly.min.js"
_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file; ``address`` is what a page links to."""

    name: str
    path: Path
    media_type: str
    address: str

    def body(self) -> bytes:
        """Return the content."""
        return self.path.read_bytes()


@cache
def assets() -> Mapping[str, Asset]:
    """Return all static files by name (``css/pages.css``)."""
    return {asset.name: asset for asset in _all()}


@cache
def packed(name: str) -> bytes:
    """Return a file's content gzipped; plotly.min.js shrinks from 4.8 to 1.4 MB."""
    return gzip.compress(assets()[name].body(), compresslevel=6, mtime=0)


@cache
def inline_style_ids() -> tuple[str, ...]:
    """Return ids of style elements that plotly.min.js would add inline as it loads.

    Its map renderer adds one unless an element of that id (a digest) exists; our policy
    refuses inline styles, and no page draws a map. A page that holds empty elements of
    these ids keeps the browser's console clean.
    """
    script = assets()[PLOTLY].body().decode("utf-8")
    return tuple(sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', script))))


def _all() -> Iterator[Asset]:
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            yield _asset(path.relative_to(_FOLDER).as_posix(), path)
    yield _asset(PLOTLY, Path(str(files("plotly") / "package_data" / "plotly.min.js")))


def _asset(name: str, path: Path) -> Asset:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Asset(name, path, _TYPES[path.suffix], f"/static/{name}?v={digest}")
