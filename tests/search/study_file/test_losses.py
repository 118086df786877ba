"""The losses and metrics that may be named are Keras' own or ours, and checked for the data."""

import keras
import pytest

from studyhall.search.study_file import losses
from studyhall.search.training import metrics


@pytest.mark.parametrize("name", losses.LOSSES)
def test_losses_are_keras_names(name: str) -> None:
    assert callable(keras.losses.get(name))


@pytest.mark.parametrize("name", losses.METRICS)
def test_metrics_are_keras_names_or_ours(name: str) -> None:
    if name in metrics.NAMES:
        assert metrics.measure(name, "binary", 1).name == name
        return
    assert keras.metrics.get(name) is not None  # which raises for a name that it doesn't know
    with pytest.raises(ValueError, match="Could not interpret"):
        keras.metrics.get(name + "x")


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_what_fits_is_no_problem_and_every_task_has_some(task: str) -> None:
    fitting = [name for name, tasks in losses.LOSSES.items() if task in tasks]
    measured = [name for name, tasks in losses.METRICS.items() if task in tasks]
    assert fitting
    assert measured
    assert losses.problems(fitting[0], measured, task) == []
    assert losses.problems("auto", "auto", task) == []


def test_what_does_not_fit_is_told_with_what_would() -> None:
    loss, metric, objective = losses.problems(
        "huber", ["accuracy", "r2_score"], "multiclass", ["validation loss", "auc", "my own"]
    )
    assert loss == (
        '[training] loss: received "huber", expected for multiclass data one of'
        " categorical_crossentropy, sparse_categorical_crossentropy"
    )
    assert metric.startswith(
        '[training] metrics: received "r2_score", expected for multiclass data one of accuracy,'
        " sparse_top_k_categorical_accuracy, precision_macro,"
    )
    assert objective.startswith('[study] objective: received "auc", expected for multiclass data')
