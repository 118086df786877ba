"""The losses and metrics that a study file may name, by Keras name, and the tasks they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studyhall.search.study_file import own_code
from studyhall.spaces import spelling

BINARY, MULTICLASS, MULTILABEL, REGRESSION = "binary", "multiclass", "multilabel", "regression"
AS_GIVEN = "as given"  # several targets, or a stream: only the user's code can interpret them

LOSSES: dict[str, tuple[str, ...]] = {
    "binary_crossentropy": (BINARY, MULTILABEL),
    "binary_focal_crossentropy": (BINARY, MULTILABEL),
    "categorical_crossentropy": (MULTICLASS,),
    "sparse_categorical_crossentropy": (MULTICLASS,),
    "mean_squared_error": (REGRESSION,),
    "mean_absolute_error": (REGRESSION,),
    "huber": (REGRESSION,),
    "log_cosh": (REGRESSION,),
}
METRICS: dict[str, tuple[str, ...]] = {
    "accuracy": (BINARY, MULTICLASS, MULTILABEL),
    "precision": (BINARY, MULTILABEL),
    "recall": (BINARY, MULTILABEL),
    "auc": (BINARY, MULTILABEL),
    "sparse_top_k_categorical_accuracy": (MULTICLASS,),
    "mean_absolute_error": (REGRESSION,),
    "mean_squared_error": (REGRESSION,),
    "root_mean_squared_error": (REGRESSION,),
    "r2_score": (REGRESSION,),
    **dict.fromkeys(
        (
            *(f"{score}_macro" for score in ("precision", "recall", "f1", "f0.5", "f2")),
            *(f"{score}_micro" for score in ("precision", "recall", "f1", "f0.5", "f2")),
            "roc_auc",
            "calibration_error",
        ),
        (BINARY, MULTICLASS, MULTILABEL),
    ),
}


_FOR_ONE = {"loss": "one loss", "metrics": "a list"}


def problems(
    loss: str | Mapping[str, str],
    metrics: str | list[str] | Mapping[str, str | list[str]],
    task: str,
    named_objectives: Sequence[str] = (),
) -> list[str]:
    """Return a line for each loss, metric or objective that doesn't fit the task of the data.

    Args:
        loss, metrics: ``[training]`` of a checked study file; ``auto`` and the user's own always
            fit.
        task: binary, multiclass, multilabel or regression; of targets as given nothing is known.
        named_objectives: ``[study] objective``; names outside of `METRICS` are not checked.
    """
    if task == AS_GIVEN:
        return []
    if tables := [key for key, value in (("loss", loss), ("metrics", metrics)) if _is_table(value)]:
        return [
            f"[training] {key}: received a table by output for one target, expected {_FOR_ONE[key]}"
            for key in tables
        ]
    named = [] if isinstance(metrics, str) else metrics
    assert isinstance(loss, str)
    ranking = [name for name in named_objectives if name in METRICS]
    checked = [
        ("[training] loss", loss, LOSSES),
        *(("[training] metrics", metric, METRICS) for metric in named),
        *(("[study] objective", name, METRICS) for name in ranking),
    ]
    return [
        f"{key}: received {spelling.as_toml(name)}, expected for {task} data"
        f" {spelling.one_of('', [each for each, tasks in known.items() if task in tasks])}"
        for key, name, known in checked
        if name != "auto" and not own_code.is_own(name) and task not in known[name]
    ]


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)
