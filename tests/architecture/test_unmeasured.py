"""What is measured of our own code is the same whether foreign code is traced or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.processes import untraced

FOREIGN = """
def shout(word):
    if not word:
        raise ValueError(word)
    return word.upper()


def told(listener):
    return tell(listener)


def tell(listener):
    return listener()
"""
OURS = """
import foreign


def words(given):
    found = []
    for word in given:
        try:
            found.append(foreign.shout(word))
        except ValueError:
            found.append("?")
    return found


def heard():
    return "heard"


def main():
    first = words(["a", "", "b"])
    if foreign.told(heard):
        first += words(["c"])
    return first
"""
DRIVER = """
import sys
import coverage
from tests.unmeasured import measured, unmeasured

folder, spared = sys.argv[1], sys.argv[2] == "spared"
sys.path.insert(0, folder)
only = [f"{folder}/ours.py"]
tracing = coverage.Coverage(data_file=None, config_file=False, branch=True, include=only)
tracing.start()
import ours
import foreign
if spared:
    foreign.shout, foreign.told = unmeasured(foreign.shout), unmeasured(foreign.told)
    foreign.tell = measured(foreign.tell)
assert ours.main() == ["A", "?", "B", "C"]
tracing.stop()
print(sorted(tracing.get_data().arcs(f"{folder}/ours.py")))
"""


def test_arcs_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text(FOREIGN, "utf-8")
    (tmp_path / "ours.py").write_text(OURS, "utf-8")
    arcs = [
        subprocess.run(
            [sys.executable, "-c", DRIVER, str(tmp_path), how],
            env=untraced(),
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for how in ("traced", "spared")
    ]
    assert len(arcs[0]) > 100
    assert arcs[0] == arcs[1]
