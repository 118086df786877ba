"""Networks that have learned nothing are not said to beat guessing by what chance gives them."""

import numpy as np
import pytest

from studyhall.search.evaluation import baseline_text, guessing, scores
from studyhall.search.evaluation.guessing import Side


def of_classes(outputs, y):
    names = [f"class {number}" for number in range(outputs.shape[1])]
    found = scores.scores("multiclass", names, y, outputs)
    return baseline_text.measures(found), found


def loss(outputs, y):
    return float(-np.log(outputs[np.arange(len(y)), y]).mean())


def sides(outputs, y):
    guess = np.tile(np.bincount(y, minlength=outputs.shape[1]) / len(y), (len(y), 1))
    mine, found = of_classes(outputs, y)
    network = Side(loss(outputs, y), mine)
    return network, Side(loss(guess, y), of_classes(guess, y)[0]), found


def said(network, guess, found):
    ahead = dict(baseline_text._ahead(network.scores, guess.scores))
    return guessing.no_better(network, guess, found, ahead, higher=False)


def drawn_by_chance(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(3, 12))
    y = random.integers(classes, size=int(random.integers(60, 500)))
    return random.dirichlet(np.full(classes, random.uniform(1, 30)), len(y)), y


def test_outputs_that_know_nothing_of_the_samples_do_not_beat_guessing():
    """But for one in forty, whose accuracy is by chance above its interval's end."""
    found = [said(*sides(*drawn_by_chance(seed))) for seed in range(80)]
    assert sum(map(bool, found)) >= 74
    assert all("against" in text for each in found for text in each.values())


@pytest.mark.parametrize("seed", range(12))
def test_what_is_learned_counts_in_the_value_or_in_the_accuracy(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(3, 12))
    y = random.integers(classes, size=300)
    outputs = random.dirichlet(np.ones(classes), len(y)) + 0.6 * np.eye(classes)[y]
    outputs /= outputs.sum(axis=1, keepdims=True)
    network, guess, found = sides(outputs, y)
    assert said(network, guess, found) == {}
    sure = Side(guess.value + 1.0, network.scores)  # wrong where it is sure, but mostly right
    assert said(sure, guess, found) == {}


def test_an_error_is_compared_with_its_interval():
    y = np.random.default_rng(0).normal(size=(80, 1))
    found = scores.scores("regression", [], y, np.full_like(y, 0.02))
    mine = baseline_text.measures(found)
    guess = Side(float(np.var(y)), {name: value * 1.0001 for name, value in mine.items()})
    assert "RMSE" in said(Side(guess.value * 1.01, mine), guess, found)["rmse"]
    better = {**guess.scores, "rmse": mine["rmse"] * 2, "mae": mine["mae"] * 2}
    assert said(Side(guess.value * 1.01, mine), Side(guess.value, better), found) == {}


def test_higher_values_may_be_better():
    y = np.random.default_rng(0).integers(3, size=90)
    network, guess, found = sides(np.random.default_rng(1).dirichlet(np.ones(3), 90), y)
    higher = Side(0.4, network.scores), Side(0.3, guess.scores)
    assert guessing.no_better(*higher, found, {}, higher=True) == {}
    assert guessing.no_better(*higher, found, {}, higher=False)
