"""Proofs over the trail, against the definition of RFC 9162 written out."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.domain.merkle import (
    EMPTY_ROOT,
    Head,
    MerkleTree,
    proves_consistency,
    proves_inclusion,
)


def leaves(n: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(n)]


def root_by_definition(entries: list[str]) -> bytes:
    """MTH of section 2.1.1, as it stands there."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + bytes.fromhex(entries[0])).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    left, right = root_by_definition(entries[:k]), root_by_definition(entries[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("n", [*range(18), 63, 64, 65, 100])
def test_the_root_is_that_of_the_definition(n: int) -> None:
    assert MerkleTree(leaves(n)).head == Head(n, root_by_definition(leaves(n)).hex())


def test_an_empty_trail_has_a_root_and_no_proofs() -> None:
    tree = MerkleTree([])
    assert tree.head == Head(0, EMPTY_ROOT)
    with pytest.raises(IndexError, match="none at place 0"):
        tree.inclusion(0)
    with pytest.raises(IndexError, match="never had 1"):
        tree.consistency(1)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 32, 33])
def test_every_event_is_proved_at_its_place_and_at_no_other(n: int) -> None:
    entries = leaves(n)
    tree = MerkleTree(entries)
    for index, leaf in enumerate(entries):
        proof = tree.inclusion(index)
        assert len(proof) <= max((n - 1).bit_length(), 0)
        assert proves_inclusion(tree.head, index, leaf, proof)
        for other in range(n):
            if other != index:
                assert not proves_inclusion(tree.head, other, leaf, proof)


@pytest.mark.parametrize("n", range(1, 34))
def test_every_earlier_head_is_proved_to_be_a_beginning(n: int) -> None:
    tree = MerkleTree(leaves(n))
    for size in range(1, n + 1):
        before = MerkleTree(leaves(size)).head
        proof = tree.consistency(size)
        assert proves_consistency(before, tree.head, proof)
        if size < n:
            other = replace(before, root=hashlib.sha256(b"x").hexdigest())
            assert not proves_consistency(other, tree.head, proof)
            assert not proves_consistency(before, tree.head, proof[:-1])
            assert not proves_consistency(before, tree.head, (*proof, proof[0]))


@given(st.integers(2, 80), st.data())
@settings(max_examples=150, deadline=None)
def test_any_change_of_the_trail_is_found(n: int, data: st.DataObject) -> None:
    entries = leaves(n)
    before = MerkleTree(entries).head
    at = data.draw(st.integers(0, n - 1))
    kind = data.draw(st.sampled_from(["edit", "delete", "insert", "swap"]))
    forged = list(entries)
    if kind == "edit":
        forged[at] = hashlib.sha256(b"forged").hexdigest()
    elif kind == "delete":
        del forged[at]
    elif kind == "insert":
        forged.insert(at, hashlib.sha256(b"forged").hexdigest())
    else:
        other = data.draw(st.integers(0, n - 1).filter(lambda i: i != at))
        forged[at], forged[other] = forged[other], forged[at]
    forged += leaves(data.draw(st.integers(1, 5)))
    tree = MerkleTree(forged)
    assert MerkleTree(forged[:n]).head != before
    assert not proves_consistency(before, tree.head, tree.consistency(n))


def test_nonsense_proves_nothing() -> None:
    tree = MerkleTree(leaves(6))
    proof = tree.inclusion(2)
    assert not proves_inclusion(tree.head, 6, leaves(6)[2], proof)
    assert not proves_inclusion(tree.head, 2, "no hex", proof)
    assert not proves_inclusion(tree.head, 2, leaves(6)[2], ("no hex",))
    assert not proves_inclusion(tree.head, 2, leaves(6)[2], (*proof, proof[0], proof[0]))
    before = MerkleTree(leaves(3)).head
    assert not proves_consistency(before, tree.head, ())
    assert not proves_consistency(before, tree.head, ("no hex",))
    assert not proves_consistency(tree.head, before, tree.consistency(3))
    assert not proves_consistency(Head(0, EMPTY_ROOT), tree.head, ())
    four = MerkleTree(leaves(4)).head
    assert not proves_consistency(four, tree.head, ())
