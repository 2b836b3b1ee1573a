"""How a long run shows that it lives: bars on a terminal, lines in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from features.commands.terminal import bar


@contextmanager
def following(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback ``(what, done, total)`` that shows progress as it is called.

    On a terminal there is one moving bar. Elsewhere each kind of work is told once, when it
    begins, so that a log shows where a run is without thousands of lines.
    """
    if not console.is_terminal:
        told: set[str] = set()

        def tell(what: str, done: int, total: int) -> None:
            kind = what.partition("/")[0]
            if kind not in told:
                told.add(kind)
                console.print(f"  {kind} ({done} of {total})", highlight=False, markup=False)

        yield tell
        return
    with bar(console, text="  {task.description:<34}") as show:
        yield show
