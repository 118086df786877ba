"""The tuner of scikit-learn's models: each trial is cross-validated, as KerasTuner does it."""

from __future__ import annotations

import collections
import hashlib
import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from studyhall.keras_tuner.oracle import Oracle
from studyhall.keras_tuner.trial import Trial
from studyhall.keras_tuner.tuner import Tuner
from studyhall.search.evaluation.best import PICKLE_ENDING
from studyhall.search.study_file.config_error import ConfigError

if TYPE_CHECKING:
    from studyhall.search.scripts.script_trial import ScriptTrial
    from studyhall.storage.queries.records import TrialRecord

FOLDS = 5
SCORE = "score"


class SklearnTuner(Tuner):
    """A cross-validated search of scikit-learn's models.

    Args:
        oracle: what is searched; its objective is `Objective("score", "max")`.
        hypermodel: builds the models: a function of `hp` or a `HyperModel`.
        scoring: as `sklearn.metrics.make_scorer` returns it; default: the model's `score`.
        metrics: further functions of `sklearn.metrics`, or one, that are recorded.
        cv: a splitter of `sklearn.model_selection`; default: five shuffled folds.
        kwargs: as `Tuner`.
    """

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any,
        scoring: Any = None,
        metrics: Any = None,
        cv: Any = None,
        **kwargs: Any,
    ) -> None:
        from sklearn.model_selection import KFold

        if "executions_per_trial" in kwargs:
            raise ValueError("executions_per_trial: received it, expected folds by cv alone")
        super().__init__(oracle, hypermodel, **kwargs)
        self.scoring = scoring
        given = [] if metrics is None else metrics
        self.metrics: list[Any] = [*given] if isinstance(given, list | tuple) else [given]
        self.cv = cv or KFold(FOLDS, shuffle=True, random_state=1)
        self._fitted: tuple[Any, float] | None = None

    def search(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> None:  # noqa: N803
        """Search; the arguments are those of `fit` of the models, and of the splitter."""
        super().search(X, y, sample_weight=sample_weight, groups=groups)

    def run_trial(
        self,
        trial: Trial,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
    ) -> dict[str, float]:
        """Cross-validate a model; return the means of its scores and metrics.

        Args:
            trial: the trial.
            X, y, sample_weight, groups: those of `search`.
        """
        found: dict[str, list[float]] = collections.defaultdict(list)
        for train, test in self._splits(X, y, sample_weight, groups):
            if self._under_way is not None:
                self._under_way.leave_if_asked(None)
            assert self.hypermodel is not None
            model = _fit(self.hypermodel.build(trial.hyperparameters), *train)
            score = self._score(model, *test)
            found[SCORE].append(score)
            for metric in self.metrics:
                value = metric(test[1], model.predict(test[0]), sample_weight=test[2])
                found[metric.__name__].append(value)
            self._fitted = model, score
        return {name: float(np.mean(values)) for name, values in found.items()}

    def _splits(
        self, x: Any, y: Any, weight: Any, groups: Any
    ) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Yield samples, targets and weights of both parts of each fold."""
        more = {} if groups is None else {"groups": groups}
        for parts in self.cv.split(x, y, **more):
            train, test = (tuple(_rows(each, part) for each in (x, y, weight)) for part in parts)
            yield train, test

    def _score(self, model: Any, x: Any, y: Any, weight: Any) -> float:
        score = model.score if self.scoring is None else _bound(self.scoring, model)
        return float(score(x, y, sample_weight=weight))

    def _keep_model(self, under_way: ScriptTrial, value: float) -> None:
        if self._fitted is None:
            return
        model, score = self._fitted
        turned = under_way.context.plan.turned

        def write(path: Path) -> None:
            path.write_bytes(pickle.dumps(model))

        under_way.keep_model(turned(value), write, PICKLE_ENDING, turned(score))

    def _loaded(self, record: TrialRecord, path: Path) -> Any:
        """Read a model, if its file is the one that a worker of the study has written.

        Raises:
            ConfigError: it is another.
        """
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != record.attributes["model_sha256"]:
            said = f"{path} has changed since it was saved, and a pickle may do anything"
            raise ConfigError([f"{self.project_name}: trial {record.number}: {said}"])
        return pickle.loads(content)

    def _measure(
        self, record: TrialRecord, path: Path, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> float:
        """Score the model of a trial again, on the last fold that the script's `cv` makes."""
        keras.utils.set_random_seed(record.attributes["seed"])  # as a splitter without one draws
        given = inspect.signature(self.search).bind(*args, **kwargs)
        given.apply_defaults()
        (*_, (_, test)) = self._splits(*given.args)
        return self._score(self._loaded(record, path), *test)

    def _convertible(
        self, record: TrialRecord, path: Path, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Refuse: Keras' formats are for Keras' models.

        Raises:
            ConfigError: always.
        """
        raise ConfigError([f"{self.project_name}: a model of scikit-learn has no other format"])


def _fit(model: Any, x: Any, y: Any, weight: Any) -> Any:
    """Fit a model, with weights where it takes them itself, as KerasTuner does."""
    from sklearn.pipeline import Pipeline

    takes = "sample_weight" in inspect.getfullargspec(model.fit).args
    weighted = takes and not isinstance(model, Pipeline)
    model.fit(x, y, **({"sample_weight": weight} if weighted else {}))
    return model


def _rows(data: Any, rows: Any) -> Any:
    """Return rows of an array or a table; None for None.

    Raises:
        TypeError: it is neither.
    """
    if data is None:
        return None
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if isinstance(data, np.ndarray):
        return data[rows]
    kind = type(data).__name__
    raise TypeError(f"Expected the data to be numpy.ndarray or pandas.DataFrame. Received: {kind}")


def _bound(scoring: Any, model: Any) -> Any:
    return lambda x, y, sample_weight: scoring(model, x, y, sample_weight=sample_weight)
