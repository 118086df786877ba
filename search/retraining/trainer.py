"""The training of a trial's hyperparameters with another seed or on less data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import optuna

from studyhall.search.data import splits
from studyhall.search.data.errors import refusal
from studyhall.search.data.stream_parts import StreamFold
from studyhall.search.training import engine
from studyhall.search.training.engine import Engine
from studyhall.search.training.training import Training
from studyhall.search.trial import forms, modelling
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.forms import Form
from studyhall.storage.queries.records import TrialRecord

SMALLER = (75, 50, 25)  # percent of the training part, each cut from the one before it


class Retrainer:
    """The trainer of retrainings; keeps prepared data and compiled models from one to the next.

    Args:
        plan: blueprint of the study.
    """

    def __init__(self, plan: Blueprint) -> None:
        self.plan = plan
        self._engines: dict[tuple[int, int, Form], Engine] = {}

    def training(self, trial: TrialRecord, seed: int, fold: int) -> Training:
        """Return the training of one fold, which has not begun yet."""
        engine.seed_everything(seed)
        built = modelling.build(self.plan, fixed(trial), self.fold(fold).size)
        settings = modelling.settings(self.plan, built, seed)
        return self.engine(fold, built.form).training(built.model, settings)

    def engine(self, fold: int, form: Form, percent: int = 100) -> Engine:
        """Return the engine for a share of a fold's training set."""
        key = (fold, percent, form)
        if key not in self._engines:
            self._engines = forms.without_texts(self._engines)
            classes = len(self.plan.data.classes)
            self._engines[key] = forms.engine(self.fold(fold, percent), form, classes)
        return self._engines[key]

    def fold(self, fold: int, percent: int = 100) -> Any:
        """Return a fold with a share of its training set; its validation set is unchanged.

        Raises:
            DataError: the share is too small.
        """
        return share(self.plan.data.folds[fold], percent)


def fixed(trial: TrialRecord) -> optuna.trial.FixedTrial:
    """Return an Optuna trial that suggests the hyperparameters of a recorded trial."""
    return optuna.trial.FixedTrial(trial.params, trial.number)


def share(fold: Any, percent: int) -> Any:
    """The fold with some of its training samples, which are part of any larger share.

    Classes keep their proportions; groups stay whole, so that a share is as large as they allow.

    Args:
        percent: of the training part.

    Raises:
        DataError: too few samples for all classes, or too few groups; or the data are a stream.
    """
    if percent == 100:
        return fold
    if isinstance(fold, StreamFold):
        raise refusal("source", "a stream", "arrays, of which shares can be drawn")
    rows, labels = fold.train_rows, fold.train_labels
    for smaller in SMALLER:
        if smaller < percent:
            break
        count = max(1, round(len(fold.train_rows) * smaller / 100))
        chosen = np.sort(splits.sample(labels, count, seed=0))
        rows, labels = rows[chosen], labels.of(chosen)
    return replace(fold, train_rows=rows, train_labels=labels)
