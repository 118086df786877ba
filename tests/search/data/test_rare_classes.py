import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data import splits
from studyhall.search.data.errors import DataError
from studyhall.search.data.labels import Labels

THREE = {"training": 0.6, "validation": 0.2, "test": 0.2}


def of_classes(y, groups=None):
    y = np.asarray(y)
    return Labels(len(y), y, tuple(f"c{number}" for number in range(max(y) + 1)), groups)


def outcome(labels, seed):
    try:
        return splits.divide(labels, THREE, seed=seed)
    except DataError as error:
        return error.problems


@given(
    rare=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    common=st.integers(30, 120),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_rare_classes_are_in_each_part_or_refused_whatever_the_seed(rare, common, seeds):
    y = np.repeat(np.arange(len(rare) + 1), [common, *rare])
    found = [outcome(of_classes(y), seed) for seed in seeds]
    if min(rare) < 3:
        assert isinstance(found[0], list) and all(each == found[0] for each in found)
        return
    for parts in found:
        assert sorted(np.concatenate([*parts.values()])) == list(range(len(y)))
        sizes = [len(rows) for rows in parts.values()]
        assert sizes[1:] == [round(len(y) * 0.2)] * 2
        for rows in parts.values():
            assert {*y[rows]} == {*range(len(rare) + 1)}


@pytest.mark.parametrize("seed", range(20))
def test_groups_of_a_rare_class_are_spread(seed):
    groups = np.arange(120) // 4
    y = np.isin(groups, (3, 11, 19)).astype(int)
    parts = splits.divide(of_classes(y, groups), THREE, seed=seed)
    assert all({*y[rows]} == {0, 1} for rows in parts.values())
    seen = [{*groups[rows]} for rows in parts.values()]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 30


@pytest.mark.parametrize("seed", range(5))
def test_a_class_in_fewer_groups_than_parts_is_refused(seed):
    groups = np.arange(120) // 4
    y = np.isin(groups, (3, 11)).astype(int)
    assert outcome(of_classes(y, groups), seed) == [
        "[data] split: received class c1 in 2 groups for 3 parts, expected at least one for each"
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_of_samples_keeps_enough_of_a_rare_class(seed):
    y = np.repeat([0, 1], [997, 3])
    rows = splits.sample(of_classes(y), 100, seed=seed, least=3)
    assert len(rows) == 100 and y[rows].sum() == 3
