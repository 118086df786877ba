"""Estimators for scikit-learn whose hyperparameters studyhall searches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from studyhall.search.api import results, settings
from studyhall.search.process import handover
from studyhall.storage.database.urls import default_url

__all__ = ["TunedClassifier", "TunedRegressor"]

SPACE = {
    "learning_rate": (1e-4, 1e-1, "log"),
    "depth": (1, 3),
    "width": (16, 128, "log"),
    "dropout": (0.0, 0.5),
}
SPLIT = (0.75, 0.2, 0.05)  # of which the test part is the caller's: training and validation share
UNNAMED = "estimator"


class _Tuned(BaseEstimator):  # type: ignore[misc]
    """The common part of both estimators; see `TunedClassifier`."""

    def __init__(
        self,
        space: Mapping[str, Any] | None = None,
        *,
        trials: int = 20,
        cv: int = 1,
        epochs: int = 50,
        patience: int = 10,
        seed: int = 0,
        model: str | Callable[..., Any] = "mlp",
        training: Mapping[str, Any] | None = None,
        search: Mapping[str, Any] | None = None,
        name: str | None = None,
        storage: str | None = None,
    ) -> None:
        self.space = space
        self.trials = trials
        self.cv = cv
        self.epochs = epochs
        self.patience = patience
        self.seed = seed
        self.model = model
        self.training = training
        self.search = search
        self.name = name
        self.storage = storage

    def _fit(self, x: NDArray[Any], y: NDArray[Any], task: str) -> tuple[str, ...]:
        """Search, keep the best model, and return the names of the classes."""
        from studyhall.search.api import fitting  # needs Keras

        with self._place() as (url, artifacts):
            file = settings.study_file(
                self.name or UNNAMED,
                self._tables(url, artifacts),
                self.space if self.space is not None else SPACE,
                # The caller has the test set; ours is never looked at.
                {
                    "source": ((x, y), (x[:1], y[:1])),
                    "task": task,
                    "folds": self.cv,
                    "split": SPLIT,
                },
                (),
                self.trials,
            )
            found = fitting.fit(file, Path.cwd(), url)
        self.model_ = found.model
        self.best_params_ = found.best.params
        self.best_value_ = found.best.value
        self.trials_ = results.frame(found.trials)
        return found.classes

    @contextmanager
    def _place(self) -> Iterator[tuple[str, str | None]]:
        """Yield database and artifacts: temporary ones for a study without a name."""
        if self.name is not None or self.storage is not None:
            yield self.storage or default_url(), None
            return
        with tempfile.TemporaryDirectory(prefix="studyhall-") as folder:
            yield f"sqlite:///{folder}/studyhall.db", folder

    def _tables(self, url: str, artifacts: str | None) -> dict[str, dict[str, Any]]:
        family = self.model
        if not isinstance(family, str):
            function, family = family, handover.family(family)
            handover.hold({family: function})
        return settings.merged(
            {"training": self.training or {}, "search": self.search or {}},
            {
                "study": {
                    "name": self.name or UNNAMED,
                    "storage": url,
                    "artifacts": artifacts,
                    "seed": self.seed,
                },
                "model": {"family": family},
                "training": {"epochs": self.epochs, "patience": self.patience},
            },
        )

    def _outputs(self, x: ArrayLike) -> NDArray[Any]:
        """Return the model's outputs, (N, outputs)."""
        from studyhall.search.api import fitting

        check_is_fitted(self)
        samples = validate_data(self, x, reset=False, dtype=np.float32)
        return np.asarray(fitting.predicted(self.model_, samples), dtype=np.float64)


class TunedClassifier(ClassifierMixin, _Tuned):  # type: ignore[misc]
    """A classifier: a neural network whose hyperparameters `fit` searches.

    `fit` is a whole study in this process; the estimator is the model of its best trial, as it was
    trained there, on the part of the samples that the validation set has left.

    Args:
        space: the hyperparameters, as `studyhall.Study` takes them; default: learning rate, depth,
            width and dropout of a fully connected network.
        trials: number of trials.
        cv: k of k-fold cross-validation inside of the search, whose mean ranks trials; the model
            is then that of one fold. 1: a single validation set.
        epochs: largest number of epochs of a trial.
        patience: epochs without improvement after which a trial stops.
        seed: the study's seed, in place of scikit-learn's `random_state`.
        model: "mlp", "cnn", "sequence", "my_model.py:build", or a function that builds a model.
        training, search: further keys of these tables of a study file.
        name: name of a study that is kept, and continued by the next fit to the same samples.
        storage: URL of its database; default: a temporary one, or the usual one with a name.

    Attributes:
        classes_: (n_classes,) the class labels.
        n_features_in_: number of features.
        model_: the Keras model.
        best_params_: hyperparameters of the best trial.
        best_value_: its validation loss.
        trials_: all trials, as `studyhall.Study.trials`.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Search hyperparameters on samples (N, n_features) with labels (N,).

        Raises:
            ValueError: samples or labels are not such, or there is only one class.
            ConfigError: a parameter is not as expected, or no trial has completed.
        """
        x, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("received only one class, expected at least two classes")
        order = self._fit(x, numbers, "classification")
        self._columns = np.argsort([int(each) for each in order])
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the probability of each class, (N, n_classes), in the order of `classes_`."""
        found = self._outputs(X)
        if found.shape[1] == 1:
            found = np.concatenate((1 - found, found), axis=1)
        ordered: NDArray[Any] = found[:, self._columns]
        shares: NDArray[Any] = ordered / ordered.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each sample, (N,)."""
        columns = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[columns]
        return found


class TunedRegressor(RegressorMixin, _Tuned):  # type: ignore[misc]
    """A regressor: a neural network whose hyperparameters `fit` searches.

    The arguments and attributes are those of `TunedClassifier`, without `classes_`. Targets are
    scaled to mean 0 and deviation 1 for the training, so `best_value_` is in units of that scale.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Search hyperparameters on samples (N, n_features) with targets (N,).

        Raises:
            ValueError: samples or targets are not such.
            ConfigError: a parameter is not as expected, or no trial has completed.
        """
        x, targets = validate_data(self, X, y, dtype=np.float32, y_numeric=True)
        self._mean, self._deviation = float(targets.mean()), float(targets.std()) or 1.0
        self._fit(x, ((targets - self._mean) / self._deviation).astype(np.float32), "regression")
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the predicted value of each sample, (N,)."""
        found: NDArray[Any] = self._outputs(X)[:, 0]
        return found * self._deviation + self._mean
