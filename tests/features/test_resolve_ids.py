from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.identity.identities import Identity, identify, master_id

GROUPS = st.lists(st.integers(0, 4), min_size=8, max_size=8)
CUSTOMERS = "abcdefgh"


def grouped(numbers: list[int], customers: str = CUSTOMERS) -> list[list[str]]:
    by_number = {
        n: [c for c, m in zip(customers, numbers, strict=False) if m == n] for n in numbers
    }
    return [group for group in by_number.values() if group]


def test_a_found_master_is_named_after_its_smallest_customer() -> None:
    ids, retired = identify([["b", "c"], ["a"]], {})
    assert ids["b"] == ids["c"] == Identity(master_id("b"), master_id("b"), 1)
    assert list(ids) == ["a", "b", "c"]
    assert identify([["a"], ["b", "c"]], ids, retired) == (ids, {})


def test_a_new_smaller_member_takes_the_known_id() -> None:
    ids, _ = identify([["0", "b"]], identify([["b"]], {})[0])
    assert ids["0"] == Identity(master_id("b"), master_id("b"), 1)


def test_of_two_known_masters_the_older_stays_and_the_other_is_retired() -> None:
    first, _ = identify([["x"]], {})
    second, _ = identify([["x"], ["a", "gone"]], first)
    assert second["a"].since == 2
    third, retired = identify([["a", "x"]], second)
    assert third["a"] == Identity(master_id("a"), master_id("x"), 1)
    assert third["gone"] == Identity(master_id("a"), master_id("x"), 1)
    assert third["x"].master == master_id("x")
    assert retired == {master_id("a"): master_id("x")}


def test_of_a_master_that_falls_apart_the_larger_part_keeps_the_id() -> None:
    ids, _ = identify([["a", "b", "c"]], {})
    apart, retired = identify([["a"], ["b", "c"]], ids)
    assert apart["b"].master == apart["c"].master == master_id("a")
    # The id of "a" is in use, and "a" has no other: an id is issued once.
    assert apart["a"].master not in {master_id("a"), master_id("b")}
    assert apart["a"] == Identity(master_id("a"), apart["a"].master, 2)
    assert retired == {}
    assert identify([["a"], ["b", "c"]], apart) == (apart, {})


def test_of_equal_parts_the_one_it_was_named_after_keeps_the_id() -> None:
    ids, _ = identify([["c"]], {})
    ids, _ = identify([["a", "c"]], ids)
    apart, _ = identify([["a"], ["c"]], ids)
    assert apart["c"].master == master_id("c")
    assert apart["a"].master == master_id("a")


def test_what_was_joined_and_parted_again_does_not_bring_back_a_retired_id() -> None:
    first, _ = identify([["x"], ["y"]], {})
    joined, retired = identify([["x", "y"]], first)
    parted, retired = identify([["x"], ["y"]], joined, retired)
    assert parted["x"].master == master_id("x")
    assert parted["y"].master not in {master_id("x"), master_id("y")}
    assert retired == {master_id("y"): master_id("x")}


def test_a_successor_that_is_retired_hands_on() -> None:
    runs: tuple[dict[str, Identity], dict[str, str]] = ({}, {})
    for groups in ([["a"]], [["a"], ["b"]], [["a"], ["b"], ["c"]], [["a"], ["b", "c"]]):
        runs = identify(groups, *runs)
    assert runs[1] == {master_id("c"): master_id("b")}
    runs = identify([["a", "b", "c"]], *runs)
    assert runs[1] == {master_id(c): master_id("a") for c in "bc"}


@given(first=GROUPS, second=GROUPS, third=GROUPS)
def test_ids_are_one_to_one_with_groups_and_last(
    first: list[int], second: list[int], third: list[int]
) -> None:
    before: tuple[dict[str, Identity], dict[str, str]] = ({}, {})
    for numbers, customers in ((first, CUSTOMERS[:5]), (second, CUSTOMERS), (third, CUSTOMERS)):
        groups = grouped(numbers, customers)
        ids, retired = identify(groups, *before)
        assert identify(groups[::-1], *before) == (ids, retired)
        masters = [{ids[c].master for c in group} for group in groups]
        assert all(len(of) == 1 for of in masters)
        assert len(set.union(*masters)) == len(groups)
        active = {i.master for i in ids.values()}
        assert not active & retired.keys()
        assert set(retired.values()) <= active
        ever = {i.master for i in before[0].values()} | before[1].keys()
        assert ever <= active | retired.keys()
        for group in groups:  # a group that was one, whole, keeps its id
            old = {before[0][c].master for c in group if c in before[0]}
            alone = {c for c, i in before[0].items() if i.master in old}
            if len(old) == 1 and alone <= set(group):
                assert ids[group[0]].master == old.pop()
        assert identify(groups, ids, retired) == (ids, retired)
        before = ids, retired
