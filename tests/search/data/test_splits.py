import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data import splits
from studyhall.search.data.errors import DataError
from studyhall.search.data.labels import Labels

# Before scikit-learn 1.8 shuffled folds of groups did not keep the classes' proportions.
UNEVEN = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8)

THREE = {"training": 0.6, "validation": 0.2, "test": 0.2}
Y = np.repeat([0, 1, 2], [50, 30, 20])


def of_classes(y, groups=None):
    y = np.asarray(y)
    return Labels(len(y), y, tuple(f"c{number}" for number in range(max(y) + 1)), groups)


def problems(function, *arguments, **more):
    with pytest.raises(DataError) as caught:
        found = function(*arguments, **more)
        list(found)
    return caught.value.problems


@given(
    counts=st.lists(st.integers(12, 60), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_parts_are_disjoint_complete_and_stratified(counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    parts = splits.divide(of_classes(y), THREE, seed=seed)
    assert list(parts) == list(THREE)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(y)))
    for name, fraction in THREE.items():
        found = np.bincount(y[parts[name]], minlength=len(counts))
        assert np.all(np.abs(found - fraction * np.array(counts)) <= 2)


def test_sizes_are_the_fractions():
    sizes = {n: len(rows) for n, rows in splits.divide(Labels(1000), THREE, seed=0).items()}
    assert sizes == {"training": 600, "validation": 200, "test": 200}


def test_two_parts_share_in_the_proportion_of_their_fractions():
    parts = splits.divide(Labels(1000), {"training": 0.6, "validation": 0.2}, seed=0)
    assert [len(rows) for rows in parts.values()] == [750, 250]


def test_one_part_takes_everything():
    assert len(splits.divide(of_classes(Y), {"training": 0.6}, seed=0)["training"]) == 100


def test_the_seed_decides():
    def test_rows(seed):
        return splits.divide(of_classes(Y), THREE, seed=seed)["test"].tolist()

    assert test_rows(1) == test_rows(1)
    assert test_rows(1) != test_rows(2)


@given(
    times=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6)), min_size=60, max_size=99),
    fractions=st.sampled_from([(0.6, 0.2, 0.2), (0.4, 0.3, 0.3)]),
)
@settings(max_examples=100, deadline=None)
def test_in_order_no_sample_reaches_over_a_border(times, fractions):
    order = np.array([(begin, begin + length) for begin, length in times], float)
    labels = Labels(len(order), order=order)
    named = dict(zip(THREE, fractions, strict=True))
    try:
        parts = splits.divide(labels, named, seed=0)
    except DataError as error:
        assert "which leaves no samples for" in str(error)
        return
    spans = [(order[rows, 0].min(), order[rows, 1].max()) for rows in parts.values()]
    assert spans[0][1] < spans[1][0] and spans[1][1] < spans[2][0]
    borders = spans[1][0], spans[2][0]
    left_out = np.setdiff1d(np.arange(len(order)), np.concatenate([*parts.values()]))
    for begin, end in order[left_out]:  # such a sample does reach over one
        assert any(begin < border for border in borders) and end > spans[0][1]


def test_sizes_in_order_are_the_fractions():
    order = np.repeat(
        np.random.default_rng(0).permutation(100)[:, np.newaxis].astype(float), 2, axis=1
    )
    parts = splits.divide(Labels(100, order=order), THREE, seed=0)
    assert [len(rows) for rows in parts.values()] == [60, 20, 20]
    assert order[parts["test"]].min() == 80


def test_in_order_each_part_needs_every_class():
    order = np.repeat(np.arange(100.0)[:, np.newaxis], 2, axis=1)
    labels = Labels(100, Y, ("a", "b", "c"), order=order)
    (said,) = problems(splits.divide, labels, THREE, seed=0)
    assert "no samples of class c for training" in said


def test_groups_stay_together():
    groups = np.arange(100) // 5
    labels = of_classes(np.tile([0, 1], 50), groups)
    parts = splits.divide(labels, THREE, seed=0)
    seen = [set(groups[rows]) for rows in parts.values()]
    assert sum(map(len, seen)) == 20 and set.union(*seen) == set(range(20))
    for train, validation in splits.folds(labels, 4, seed=0):
        assert not set(groups[train]) & set(groups[validation])


def test_folds_validate_each_sample_once_and_keep_proportions():
    found = list(splits.folds(of_classes(Y), 10, seed=0))
    assert len(found) == 10
    assert sorted(np.concatenate([validation for _, validation in found])) == list(range(100))
    for train, validation in found:
        assert np.bincount(Y[validation]).tolist() == [5, 3, 2]
        assert not set(train) & set(validation)


def test_folds_without_classes():
    assert [len(v) for _, v in splits.folds(Labels(10), 5, seed=0)] == [2] * 5


def test_a_sample_keeps_proportions():
    rows = splits.sample(of_classes(Y), 20, seed=0)
    assert np.bincount(Y[rows]).tolist() == [10, 6, 4]
    assert splits.sample(of_classes(Y), 1000, seed=0).tolist() == list(range(100))
    assert len(splits.sample(Labels(100), 20, seed=0)) == 20


def test_a_sample_too_small_for_the_classes():
    [line] = problems(splits.sample, of_classes(Y), 2, seed=0)
    assert line.startswith("[data] samples: received 2 of 100 samples for one part, expected large")


def test_parts_left_empty():
    assert problems(splits.divide, Labels(3), {"training": 0.98, "test": 0.02}, seed=0) == [
        "[data] split: received [0.98, 0.02], which leaves 0 samples for test,"
        " expected at least one"
    ]


def test_parts_too_small_for_every_class():
    lines = problems(splits.divide, of_classes([0, 1, 2] * 4), THREE, seed=0)
    assert lines == [
        f"[data] split: received [0.6, 0.2, 0.2], which leaves 2 samples for {name},"
        " expected at least one of each of 3 classes"
        for name in ("validation", "test")
    ]


def test_a_class_too_rare_for_every_part():
    assert problems(splits.divide, of_classes([0] * 50 + [1] * 2), THREE, seed=0) == [
        "[data] split: received 2 samples of class c1 for 3 parts,"
        " expected at least one for each: more of this class, or none"
    ]


@pytest.mark.parametrize("seed", range(10))
def test_a_class_that_chance_would_leave_out_of_a_part(seed):
    fractions = {"training": 0.9, "validation": 0.05, "test": 0.05}
    y = np.array([0] * 200 + [1] * 3)
    parts = splits.divide(of_classes(y), fractions, seed=seed)
    assert [y[rows].sum() for rows in parts.values()] == [1, 1, 1]
    assert [len(rows) for rows in parts.values()] == [183, 10, 10]


def test_fewer_groups_than_parts():
    labels = of_classes([0, 1] * 6, np.arange(12) // 6)
    assert problems(splits.divide, labels, THREE, seed=0) == [
        "[data] split: received 2 groups for 3 parts, expected at least one for each"
    ]


@pytest.mark.parametrize("classes", [True, False])
def test_as_many_groups_as_parts(classes):
    labels = of_classes([0, 1] * 6, np.arange(12) // 4)
    labels = labels if classes else Labels(12, groups=labels.groups)
    fractions = {"training": 0.2, "validation": 0.4, "test": 0.4}
    parts = splits.divide(labels, fractions, seed=0)
    assert [len(rows) for rows in parts.values()] == [4, 4, 4]


def test_folds_by_group_keep_the_proportions_of_the_classes():
    groups = np.arange(200) // 5
    labels = of_classes((groups % 4 == 0).astype(int), groups)
    seen: list[set[int]] = []
    for train, validation in splits.folds(labels, 5, seed=3):
        assert labels.y is not None
        if not UNEVEN:
            assert labels.y[validation].mean() == labels.y[train].mean() == 0.25
        assert not set(groups[train]) & set(groups[validation])
        seen.append(set(groups[validation]))
    assert sorted(each for fold in seen for each in fold) == list(range(40))


def test_fewer_samples_than_folds():
    assert problems(splits.folds, Labels(7), 10, seed=0) == [
        "[data] folds: received 10 for 7 samples, expected at least one sample for each"
    ]
    assert problems(splits.folds, of_classes([0] * 20 + [1] * 4), 5, seed=0) == [
        "[data] folds: received 4 samples of class c1 for 5 folds,"
        " expected at least one for each: more of this class, or none, or fewer folds"
    ]
    assert problems(splits.folds, of_classes([0, 1] * 6, np.arange(12) // 4), 5, seed=0) == [
        "[data] folds: received 3 groups for 5 folds, expected at least one for each"
    ]


def test_a_fold_that_trains_without_a_class():
    labels = of_classes([0] * 5 + [1] * 5, np.arange(10) // 5)
    [line] = problems(splits.folds, labels, 2, seed=0)
    assert line.startswith("[data] folds: received no samples of class c")
