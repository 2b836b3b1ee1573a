from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from features import manifest as module
from features.errors import ContractError, SourceNotFoundError
from features.manifest import Entry, Manifest, catalogue_hash, code_hash, file_hash

ENTRY = Entry("ab" * 32, 12, "2026-03-31T23:59:59.999999", "2026-03-31T23:59:59.999999", None)
MANIFEST = Manifest(
    world="b2b",
    currency="CNY",
    simulated=True,
    sources={"orders": "01" * 32},
    columns={"orders": ["order_id", "net_amount"]},
    catalogue_hash=catalogue_hash(),
    code_hash=code_hash(),
    entries={"indicators/2026-03-31.parquet": ENTRY},
)


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    MANIFEST.save(tmp_path)
    assert Manifest.load(tmp_path) == MANIFEST


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    MANIFEST.save(tmp_path)
    assert Manifest.load(tmp_path).fingerprint() == MANIFEST.fingerprint()
    assert len(MANIFEST.fingerprint()) == 64
    for other in (
        replace(MANIFEST, world="x"),
        replace(MANIFEST, sources={"orders": "02" * 32}),
        replace(MANIFEST, entries={"indicators/2026-03-31.parquet": replace(ENTRY, rows=13)}),
        replace(MANIFEST, columns={"orders": ["order_id"]}),
        replace(MANIFEST, entries={}),
    ):
        assert other.fingerprint() != MANIFEST.fingerprint()


def test_the_fingerprint_does_not_depend_on_the_order_of_entries() -> None:
    one = replace(MANIFEST, entries={"a": ENTRY, "b": ENTRY})
    other = replace(MANIFEST, entries={"b": ENTRY, "a": ENTRY})
    assert one.fingerprint() == other.fingerprint()


def test_the_origin_is_the_manifest_without_files() -> None:
    assert MANIFEST.origin() == replace(MANIFEST, entries={})


def test_a_folder_without_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no published snapshots"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", json.dumps({"entries": {}, "unknown": 1}), '{"entries": {"a": {}}}']
)
def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ContractError, match="not a manifest of this version"):
        Manifest.load(tmp_path)


def test_a_file_is_hashed_whole(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "f") == known


def test_the_code_hash_covers_every_module_that_decides_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(module.__file__).parent
    copy = tmp_path / "features"
    for path in [*package.glob("*.py"), *package.glob("dimensions/*.py")]:
        target = copy / path.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    monkeypatch.setattr(module, "files", lambda _package: copy)
    try:
        code_hash.cache_clear()
        original = code_hash()
        assert original == MANIFEST.code_hash  # the same text elsewhere
        for name in ("windows.py", "ledger.py", "snapshot.py", "publish.py", "dimensions/risk.py"):
            text = (copy / name).read_bytes()
            (copy / name).write_bytes(text + b"\n")
            code_hash.cache_clear()
            assert code_hash() != original, name
            (copy / name).write_bytes(text)
        (copy / "cli.py").write_text("# prints only")
        code_hash.cache_clear()
        assert code_hash() == original
    finally:
        code_hash.cache_clear()
