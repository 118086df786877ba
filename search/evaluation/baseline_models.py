"""The baselines of a study: guessing, linear models and gradient-boosted trees by scikit-learn.

They learn from the same samples, in the form in which networks get them: normalised, categories as
0 and 1, missing numbers as the mean. Each returns what a network's outputs would be.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Fold
from studyhall.search.data.trees import Tree
from studyhall.search.evaluation.guessing import GUESSING
from studyhall.search.study_file.losses import AS_GIVEN, BINARY, MULTICLASS, MULTILABEL, REGRESSION

GUESS, LINEAR, TREES = GUESSING, "linear", "trees"
MOST_VALUES = 10_000_000  # training samples × features × outputs × folds: trees take about 7 s
MOST_STEPS = 500  # of a linear model's solver
SAMPLE_AXES = 2  # of windows over a series; pictures have three

Floats = NDArray[np.float64]
Predict = Callable[[Any], Floats]


@dataclass(frozen=True)
class Setting:
    """The settings of a network's training that its baselines share.

    Attributes:
        seed: of the trees' own validation samples, which they take beyond 10,000.
        balanced: every class has the same total weight.
        absolute: numbers are learned by the absolute error.
    """

    seed: int = 0
    balanced: bool = False
    absolute: bool = False


def missing(name: str, data: Data) -> str:
    """Return the reason why a baseline is not computed for these data; empty if it is."""
    if why := _is_no_table(data):
        return why
    x, outputs = data.train.x, max(data.outputs or 1, 1)
    if data.train.y.ndim > SAMPLE_AXES:
        return "targets of more than two axes"
    if name == GUESS:
        return ""
    if data.train.tokens is not None:
        return "texts"
    if len(x.shape) > SAMPLE_AXES + 1:
        return "pictures"
    if name == TREES and sparse.issparse(x):
        return "sparse rows"
    values = (x.nnz if sparse.issparse(x) else int(np.prod(x.shape))) * outputs * len(data.folds)
    if values > MOST_VALUES:
        return f"{values / 1e6:,.0f} million values to learn from, more than {MOST_VALUES // 10**6}"
    return ""


def _is_no_table(data: Data) -> str:
    """Return why nothing at all can be learned beside the user's own model; empty if it can."""
    if data.streams:
        return "a stream"
    if isinstance(data.train.x, Tree) or data.task == AS_GIVEN:
        return "several inputs or targets"
    return "" if data.train.weights is None else "samples with weights"


def fitted(name: str, data: Data, fold: Fold, setting: Setting) -> Predict:
    """Fit a baseline to the training part of a fold.

    Args:
        name: one of those above.
        data: the study's data.
        fold: the fold.
        setting: what the network's training says.

    Returns:
        A function of raw samples (N, …): (N, outputs) probabilities, or numbers in the user's unit.
    """
    train = fold.train
    x = None if name == GUESS else _rows(name, data, fold, train.x)
    if data.task in (BINARY, MULTICLASS):
        found = _of_classes(name, x, train.y, len(data.classes), setting)
        parts = [found if data.task == MULTICLASS else lambda x: found(x)[:, 1:]]
    elif data.task == MULTILABEL:
        parts = [_of_label(name, x, column, setting) for column in train.y.T]
    else:
        columns = train.y.reshape(len(train), -1).T
        parts = [_of_numbers(name, x, column, setting) for column in columns]

    def predict(samples: Any) -> Floats:
        rows = _rows(name, data, fold, samples)
        with threadpool_limits(1):
            return np.concatenate([part(rows) for part in parts], axis=1)

    return predict


def _rows(name: str, data: Data, fold: Fold, x: Any) -> Any:
    """Return samples (N, features) as a network gets them; windows in one row.

    Linear models get a 0 or 1 for each value of a category that networks have a vector for; trees
    split its numbers.
    """
    if name == GUESS:
        return np.zeros((x.shape[0], 0))
    prepared = fold.preparation.apply(x)
    if sparse.issparse(prepared):
        return prepared
    if name == LINEAR and data.embedded:
        prepared = _one_hot(prepared, data.embedded)
    return prepared if sparse.issparse(prepared) else prepared.reshape(len(prepared), -1)


def _one_hot(x: NDArray[Any], embedded: Mapping[int, int]) -> Any:
    """Return samples (N, features) or (N, steps, features) as sparse rows."""
    features = x.reshape(len(x), -1)
    counts = [embedded.get(at % x.shape[-1], 0) for at in range(features.shape[1])]
    known = [at for at, count in enumerate(counts) if not count]
    parts = [sparse.csr_matrix(features[:, known])]
    rows, ones = np.arange(len(x) + 1), np.ones(len(x), features.dtype)
    for at, count in enumerate(counts):
        if count:
            numbers = features[:, at].astype(np.int64)
            parts.append(sparse.csr_matrix((ones, numbers, rows), (len(x), count)))
    return sparse.hstack(parts, format="csr")


def _of_label(name: str, x: Any, y: NDArray[Any], setting: Setting) -> Predict:
    found = _of_classes(name, x, y.astype(np.int64), 2, setting)
    return lambda rows: found(rows)[:, 1:]


def _of_classes(name: str, x: Any, y: NDArray[Any], classes: int, setting: Setting) -> Predict:
    """Return the probability of each class, also of those that the training part lacks."""
    present = np.unique(y)
    if name == GUESS or len(present) == 1:
        shares = np.bincount(y, minlength=classes) / len(y)
        return lambda rows: np.tile(shares, (rows.shape[0], 1))
    model = _learned(_classifier(name, setting), x, y)

    def predict(rows: Any) -> Floats:
        shares = np.zeros((rows.shape[0], classes))
        shares[:, present] = model.predict_proba(rows)
        return shares

    return predict


def _of_numbers(name: str, x: Any, y: NDArray[Any], setting: Setting) -> Predict:
    """Return numbers; they are learned with mean 0 and deviation 1."""
    wide = y.astype(np.float64)
    centre, scale = wide.mean(), wide.std() or 1.0
    if name == GUESS:
        constant = float(np.median(wide)) if setting.absolute else centre
        return lambda rows: np.full((rows.shape[0], 1), constant)
    model = _learned(_regressor(name, setting), x, (wide - centre) / scale)
    return lambda rows: (centre + scale * model.predict(rows)).reshape(-1, 1)


def _learned(model: Any, x: Any, y: NDArray[Any]) -> Any:
    # On a busy machine several threads that wait for each other take 10 to 50 times as long, in
    # predictions too: each tree is a barrier.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that stops early has learned enough to compare
        return model.fit(x, y)


def _classifier(name: str, setting: Setting) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    weight = "balanced" if setting.balanced else None
    if name == LINEAR:
        return LogisticRegression(max_iter=MOST_STEPS, class_weight=weight)
    return HistGradientBoostingClassifier(random_state=setting.seed, class_weight=weight)


def _regressor(name: str, setting: Setting) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    if name == LINEAR:
        return Ridge()
    loss = "absolute_error" if setting.absolute else "squared_error"
    return HistGradientBoostingRegressor(loss=loss, random_state=setting.seed)


def label(name: str, task: str) -> str:
    """Return what a baseline is called."""
    linear = "linear regression" if task == REGRESSION else "logistic regression"
    return {LINEAR: linear, TREES: "gradient-boosted trees"}.get(name, name)
