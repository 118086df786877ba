"""Metrics inside of compiled epochs say what scikit-learn says of the same predictions."""

import keras
import numpy as np
import pytest

from studyhall.search.evaluation import scores
from studyhall.search.training import metrics


def predictions(task: str, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    p = random.random((400, outputs)).astype(np.float32)
    if task == "multiclass":
        p /= p.sum(axis=1, keepdims=True)
        return random.integers(0, outputs, 400).astype(np.int32), p
    if task == "multilabel":
        return (random.random((400, outputs)) < 0.3).astype(np.float32), p
    return (random.random(400) < p[:, 0]).astype(np.int32), p


TASKS = [("binary", 1), ("multiclass", 3), ("multilabel", 4)]


@pytest.mark.parametrize(("task", "outputs"), TASKS)
@pytest.mark.parametrize("name", metrics.NAMES)
def test_a_measure_is_the_score_of_its_name(name: str, task: str, outputs: int) -> None:
    y, p = predictions(task, outputs)
    classes = [f"c{n}" for n in range(max(outputs, 2))]
    found = scores.scores(task, classes, y, p)
    named = {
        "roc_auc": found["macro"]["roc_auc"],
        "calibration_error": found["calibration"]["error"],
    }
    score, _, average = name.rpartition("_")
    wanted = named.get(name) or found[average][score]
    if task == "binary" and name == "roc_auc":
        wanted = found["classes"][1]["roc_auc"]
    metric = metrics.measure(name, task, outputs)
    again = type(metric).from_config(metric.get_config())
    for start in range(0, 400, 150):  # in batches
        again.update_state(y[start : start + 150], p[start : start + 150])
    assert float(again.result()) == pytest.approx(wanted, abs=2e-3 if name == "roc_auc" else 1e-5)
    again.reset_state()
    assert float(keras.ops.sum(keras.ops.abs(again.variables[0]))) == 0


def test_one_hot_targets_and_two_outputs_are_taken_as_well() -> None:
    y, p = predictions("binary", 1)
    both = np.concatenate([1 - p, p], axis=1)
    for targets in (y, np.eye(2, dtype=np.float32)[y], y[:, None]):
        metric = metrics.measure("f1_macro", "binary", 2)
        metric.update_state(targets, both)
        wanted = scores.scores("binary", ["a", "b"], y, p)["macro"]["f1"]
        assert float(metric.result()) == pytest.approx(wanted, abs=1e-5)


def test_the_bins_are_those_of_the_reliability_table() -> None:
    assert metrics.BINS == scores.BINS
