"""The metrics that Keras lacks, as Keras metrics: F-scores, ROC-AUC and calibration for any task.

They agree with scikit-learn (`search.evaluation.scores`), except for ROC-AUC, which is approximated
by thresholds; and they can be part of a compiled epoch.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

THRESHOLD = 0.5
BINS = 10  # bins of the calibration error, as in `search.evaluation.scores`
THRESHOLDS = 1000  # thresholds of ROC-AUC
BETAS = {"f1": 1.0, "f0.5": 0.5, "f2": 2.0}
F_SCORES = tuple(
    f"{score}_{average}"
    for score in ("precision", "recall", *BETAS)
    for average in ("macro", "micro")
)
NAMES = (*F_SCORES, "roc_auc", "calibration_error")


def measure(name: str, task: str, outputs: int) -> keras.metrics.Metric:
    """Return a new metric of that name.

    Args:
        name: one of `NAMES`.
        task: binary, multiclass or multilabel.
        outputs: number of model outputs; 1 or 2 for two classes.
    """
    if name == "roc_auc":
        return RocAuc(task, outputs)
    if name == "calibration_error":
        return CalibrationError(task, outputs)
    return FScore(name, task, outputs)


def _yes(task: str, outputs: int, y: Any, predicted: Any) -> tuple[Any, Any, Any]:
    """Return true labels, decisions and probabilities, each (n, classes), float32."""
    p = ops.cast(predicted, "float32")
    y = ops.cast(y, "float32")
    if task == "multilabel":
        return y, ops.cast(p >= THRESHOLD, "float32"), p
    if outputs == 1:
        p = ops.reshape(p, (-1, 1))
        p, decided = ops.concatenate([1 - p, p], axis=1), ops.cast(p[:, 0] >= THRESHOLD, "int32")
    else:
        decided = ops.cast(ops.argmax(p, axis=-1), "int32")
    classes = max(outputs, 2)
    if len(y.shape) > 1 and y.shape[-1] == classes:
        true = y
    else:
        true = ops.one_hot(ops.cast(ops.reshape(y, (-1,)), "int32"), classes)
    return true, ops.one_hot(decided, classes), p


class _Measure(keras.metrics.Metric):  # type: ignore[misc]
    """A metric with a task and a number of outputs, as needed for `get_config`."""

    def __init__(self, name: str, task: str, outputs: int, **known: Any) -> None:
        super().__init__(name=name, **known)
        self.task, self.outputs = task, outputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that create an equal metric."""
        return {"name": self.name, "task": self.task, "outputs": self.outputs}

    def _sums(self, name: str, size: int) -> Any:
        return self.add_variable((size,), initializer="zeros", name=name)


class FScore(_Measure):
    """The precision, recall or F-score, averaged over classes (macro) or decisions (micro)."""

    def __init__(self, name: str, task: str, outputs: int, **known: Any) -> None:
        super().__init__(name, task, outputs, **known)
        classes = outputs if task == "multilabel" else max(outputs, 2)
        self.right = self._sums("right", classes)
        self.decided = self._sums("decided", classes)
        self.true = self._sums("true", classes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that create an equal metric."""
        return super().get_config()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of samples, without regard to sample weights."""
        true, decided, _ = _yes(self.task, self.outputs, y_true, y_pred)
        self.right.assign_add(ops.sum(true * decided, axis=0))
        self.decided.assign_add(ops.sum(decided, axis=0))
        self.true.assign_add(ops.sum(true, axis=0))

    def result(self) -> Any:
        """Return the score; a class without decisions or without samples counts as 0."""
        score, _, average = self.name.rpartition("_")
        counts = [ops.convert_to_tensor(each) for each in (self.right, self.decided, self.true)]
        if average == "micro":
            counts = [ops.sum(each, keepdims=True) for each in counts]
        right, decided, true = counts
        if score == "precision":
            return ops.mean(_share(right, decided))
        if score == "recall":
            return ops.mean(_share(right, true))
        square = BETAS[score] ** 2
        return ops.mean(_share((1 + square) * right, square * true + decided))


class RocAuc(keras.metrics.AUC):  # type: ignore[misc]
    """The area under the ROC curve: of the second class, or the mean of each class against rest."""

    def __init__(self, task: str, outputs: int, **known: Any) -> None:
        several = task == "multilabel" or outputs > 2
        labels = outputs if several else None
        known.setdefault("name", "roc_auc")
        super().__init__(num_thresholds=THRESHOLDS, multi_label=several, num_labels=labels, **known)
        self.task, self.outputs, self.several = task, outputs, several

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that create an equal metric."""
        return {"name": self.name, "task": self.task, "outputs": self.outputs}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of samples, without regard to sample weights."""
        true, _, p = _yes(self.task, self.outputs, y_true, y_pred)
        if not self.several:
            true, p = true[:, 1], p[:, 1]
        super().update_state(true, p)


class CalibrationError(_Measure):
    """The expected calibration error of the decisions, as in `search.evaluation.scores`."""

    def __init__(
        self, task: str, outputs: int, name: str = "calibration_error", **known: Any
    ) -> None:
        super().__init__(name, task, outputs, **known)
        self.sure, self.right = self._sums("sure", BINS), self._sums("right", BINS)
        self.samples = self._sums("samples", BINS)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that create an equal metric."""
        return super().get_config()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of samples, without regard to sample weights."""
        true, decided, p = _yes(self.task, self.outputs, y_true, y_pred)
        if self.task == "multilabel":
            sure = ops.reshape(decided * p + (1 - decided) * (1 - p), (-1,))
            right = ops.reshape(ops.cast(ops.equal(true, decided), "float32"), (-1,))
        else:
            sure, right = ops.sum(decided * p, axis=1), ops.sum(true * decided, axis=1)
        place = ops.clip(ops.cast(ops.ceil(sure * BINS), "int32") - 1, 0, BINS - 1)
        bins = ops.one_hot(place, BINS)
        self.sure.assign_add(ops.sum(bins * sure[:, None], axis=0))
        self.right.assign_add(ops.sum(bins * right[:, None], axis=0))
        self.samples.assign_add(ops.sum(bins, axis=0))

    def result(self) -> Any:
        """Return the mean difference of confidence and accuracy, weighted by samples per bin."""
        sure, right, samples = (
            ops.convert_to_tensor(each) for each in (self.sure, self.right, self.samples)
        )
        return _share(ops.sum(ops.abs(sure - right)), ops.sum(samples))


def _share(part: Any, whole: Any) -> Any:
    return ops.where(whole > 0, part / ops.maximum(whole, 1e-7), 0.0)
