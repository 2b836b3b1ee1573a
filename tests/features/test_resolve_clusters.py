from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.identity.linkage import Pair
from features.identity.masters import Clusters, admits, cluster


def pair(
    left: int, right: int, probability: float, name: str = "same", tax: str = "missing"
) -> Pair:
    evidence = {
        "name": name,
        "tax_id": tax,
        "phone": "missing",
        "email": "missing",
        "place": "same",
    }
    return Pair(left, right, probability, evidence)


def test_pairs_are_joined_from_the_upper_limit_and_listed_from_the_lower() -> None:
    pairs = [pair(0, 1, 0.99), pair(1, 2, 0.9), pair(2, 3, 0.899), pair(3, 4, 0.5), pair(4, 5, 0.4)]
    found = cluster(6, pairs, [], lower=0.5, upper=0.9)
    assert found.groups == ((0, 1, 2), (3,), (4,), (5,))
    assert [(p.left, why) for p, why in found.review] == [(2, "uncertain"), (3, "uncertain")]


@pytest.mark.parametrize(
    ("name", "tax", "admitted"),
    [
        ("same", "missing", True),
        ("spelling", "missing", True),
        ("same", "spelling", True),
        ("same", "other", False),
        ("same brand, other trade", "missing", False),
        ("other", "missing", False),
        ("other", "same", True),
    ],
)
def test_evidence_admits_or_forbids(name: str, tax: str, admitted: bool) -> None:
    assert admits(pair(0, 1, 1.0, name, tax)) is admitted


def test_a_company_of_the_group_is_left_to_a_person_however_probable() -> None:
    pairs = [pair(0, 1, 1.0, "same brand, other trade"), pair(2, 3, 1.0, tax="other")]
    found = cluster(4, pairs, [], lower=0.5, upper=0.9)
    assert [why for _, why in found.review] == ["names differ", "tax ids differ"]
    assert len(found.groups) == 4


def test_a_short_name_that_fits_two_companies_joins_neither() -> None:
    pairs = [
        pair(0, 1, 0.95, "short form"),
        pair(0, 2, 0.96, "short form"),
        pair(1, 2, 0.9, "same brand, other trade"),
    ]
    found = cluster(3, pairs, [], lower=0.5, upper=0.9)
    assert len(found.groups) == 3
    assert Counter(why for _, why in found.review) == {
        "several companies fit": 2,
        "names differ": 1,
    }
    assert cluster(3, pairs[:2], [], lower=0.5, upper=0.9).groups == ((0, 1, 2),)


def test_a_chain_does_not_join_what_evidence_forbids() -> None:
    pairs = [pair(0, 1, 0.999), pair(1, 2, 0.998), pair(0, 2, 0.3, tax="other")]
    found = cluster(3, pairs, [], lower=0.2, upper=0.9)
    assert found.groups == ((0, 1), (2,))
    assert {why for _, why in found.review} == {"a joined record objects", "tax ids differ"}


def test_what_was_joined_stays_joined() -> None:
    found = cluster(4, [pair(0, 1, 0.3)], [[0, 1], [3, 2]], lower=0.2, upper=0.9)
    assert found.groups == ((0, 1), (2, 3))
    assert found.review == ()


@pytest.mark.parametrize(
    ("name", "phone", "email", "admitted"),
    [
        ("similar", "same", "missing", False),
        ("similar", "same", "same domain", True),
        ("other script", "missing", "same", False),
        ("other script", "same", "same", True),
        ("other", "same", "same", False),
    ],
)
def test_names_that_say_little_need_two_proofs(
    name: str, phone: str, email: str, admitted: bool
) -> None:
    evidence = {**pair(0, 1, 1.0, name).evidence, "phone": phone, "email": email}
    assert admits(Pair(0, 1, 1.0, evidence)) is admitted


def test_another_name_stands_in_no_way_of_a_third_record_that_has_both() -> None:
    pairs = [pair(0, 1, 0.99, "alias"), pair(1, 2, 0.98), pair(0, 2, 0.9, "other")]
    assert cluster(3, pairs, [], lower=0.2, upper=0.7).groups == ((0, 1, 2),)


def test_an_answer_joins_what_evidence_forbids_and_leaves_the_list() -> None:
    pairs = [pair(0, 1, 0.9, tax="other"), pair(1, 2, 0.5)]
    found = cluster(3, pairs, [], lower=0.2, upper=0.7, same=[(0, 1)], different=[(1, 2)])
    assert found == Clusters(((0, 1), (2,)), ())


def test_an_answer_cuts_what_was_joined_where_its_pairs_are_least_probable() -> None:
    pairs = [pair(0, 1, 0.4), pair(1, 2, 0.3), pair(2, 3, 0.8)]
    whole = [[0, 1, 2, 3, 4]]
    found = cluster(5, pairs, whole, lower=0.2, upper=0.9, different=[(0, 3)])
    # Nothing speaks for 4, which was joined before: it stays with the larger part.
    assert found.groups in (((0, 1, 4), (2, 3)), ((0, 1), (2, 3, 4)))
    assert cluster(5, pairs, whole, lower=0.2, upper=0.9).groups == ((0, 1, 2, 3, 4),)


def test_answers_may_join_parts_of_two_groups_and_part_the_rest() -> None:
    found = cluster(
        4, [], [[0, 1], [2, 3]], lower=0.2, upper=0.7, same=[(0, 2)], different=[(1, 3)]
    )
    assert len(found.groups) == 2
    assert any({0, 2} <= set(group) for group in found.groups)
    assert not any({1, 3} <= set(group) for group in found.groups)


NUMBERS = st.integers(0, 9)
TWO = st.tuples(NUMBERS, NUMBERS).filter(lambda two: two[0] < two[1])


@given(
    scored=st.dictionaries(TWO, st.floats(0.1, 1), max_size=30),
    excluded=st.sets(TWO, max_size=5),
    kept=st.lists(NUMBERS, min_size=10, max_size=10),
    same=st.sets(TWO, max_size=4),
    different=st.sets(TWO, max_size=6),
)
def test_no_group_holds_a_pair_that_is_different_by_answer(
    scored: dict[tuple[int, int], float],
    excluded: set[tuple[int, int]],
    kept: list[int],
    same: set[tuple[int, int]],
    different: set[tuple[int, int]],
) -> None:
    owner = list(range(10))  # what "same" connects, by hand
    for left, right in same:
        owner = [owner[left] if o == owner[right] else o for o in owner]
    different = {(a, b) for a, b in different if owner[a] != owner[b]}
    pairs = [
        pair(*two, p, tax="other" if two in excluded else "missing") for two, p in scored.items()
    ]
    groups = [[n for n in range(10) if kept[n] == k] for k in set(kept)]
    found = cluster(10, pairs, groups, lower=0.2, upper=0.7, same=sorted(same), different=different)
    of = {number: group for group in found.groups for number in group}
    assert sorted(of) == list(range(10))
    assert not any(right in of[left] for left, right in different)
    assert all(right in of[left] for left, right in same)
    for group in groups:
        if not different:
            assert all(number in of[group[0]] for number in group)
    for listed, _ in found.review:
        assert listed.right not in of[listed.left]
        assert (listed.left, listed.right) not in different
    again = cluster(
        10, pairs[::-1], groups[::-1], lower=0.2, upper=0.7, same=sorted(same)[::-1],
        different=sorted(different)[::-1],
    )  # fmt: skip
    assert again.groups == found.groups
