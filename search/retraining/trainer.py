"""Trains the hyperparameters of a trial anew: another seed, less data, the same validation set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna

from studyhall.search.data.parts import Fold
from studyhall.search.retraining import shares
from studyhall.search.retraining.run import Course
from studyhall.search.study_file import objectives
from studyhall.search.training import engine
from studyhall.search.training.engine import Engine, Training
from studyhall.search.training.epoch import Epoch
from studyhall.search.trial import forms, modelling
from studyhall.search.trial.forms import Form
from studyhall.search.trial.modelling import Blueprint
from studyhall.search.trial.time_limit import STOPPED
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.retrainings import Retraining


@dataclass(frozen=True)
class Trained:
    """What a training anew came to.

    Attributes:
        values: of each fold, its best epoch's.
        best: that epoch of each.
        train: the objective on the training part at those epochs, its mean; None where the model
            measures it in validation only.
        epochs: how many each has trained.
        samples: size of the first fold's training part.
        parameters: of the model.
        stopped: what ended the last fold's training.
        run: the last fold's, whose model may be kept.
    """

    values: tuple[float, ...]
    best: tuple[Epoch, ...]
    train: float | None
    epochs: tuple[int, ...]
    samples: int
    parameters: int
    stopped: str | None
    run: Training

    @property
    def value(self) -> float:
        """The mean over the folds, as a trial's."""
        return float(np.mean(self.values))

    def to_json(self) -> dict[str, Any]:
        """What is kept of it."""
        folds = {"folds": list(self.values)} if len(self.values) > 1 else {}
        return {
            "value": self.value,
            **folds,
            "train": self.train,
            "best_epoch": self.best[-1].number,
            "epochs": self.epochs[-1],
            "metrics": self.best[-1].metrics,
            "samples": self.samples,
            "parameters": self.parameters,
            "stopped": self.stopped,
        }


class Anew:
    """Trains trials anew; keeps prepared data and compiled models from one to the next.

    Args:
        plan: the study's.
    """

    def __init__(self, plan: Blueprint) -> None:
        self.plan = plan
        self._engines: dict[tuple[int, int, Form], Engine] = {}

    def train(self, trial: TrialRecord, one: Retraining, course: Course) -> Trained:
        """Train every fold to its end, from the checkpoint on if there is one.

        Args:
            trial: whose hyperparameters it has.
            one: its seed, which is of the first fold (each further one has the next), and its
                share of the training part.
            course: of this training.

        Raises:
            TrialFailed: a loss is no number.
            Left: somebody has asked to stop.
            LeaseLost: another process has it now.
        """
        folds = len(self.plan.data.folds)
        course.begin(self.plan.file.training.trial_minutes, folds)
        for fold in range(len(course.ended), folds):
            with course.watchdog:
                begin = partial(self.training, trial, one.seed + fold, fold, one.percent)
                run = course.take(fold, begin)
        best = tuple(each.best for each in course.ended)
        objective = objectives.recorded(self.plan.objectives[0]).removeprefix("val_")
        train = [epoch.metrics[objective] for epoch in best if objective in epoch.metrics]
        return Trained(
            values=tuple(self.plan.turned(epoch.value) for epoch in best),
            best=best,
            train=float(np.mean(train)) if train else None,
            epochs=tuple(each.epochs for each in course.ended),
            samples=len(self._fold(0, one.percent).train_rows),
            parameters=run.model.count_params(),
            stopped=run.stopped or (STOPPED if course.limit.is_over(folds - 1) else None),
            run=run,
        )

    def training(self, trial: TrialRecord, seed: int, fold: int, percent: int = 100) -> Training:
        """The training of one fold, which has not begun."""
        engine.seed_everything(seed)
        samples = len(self._fold(fold, percent).train_rows)
        fixed = optuna.trial.FixedTrial(trial.params, trial.number)
        built = modelling.build(self.plan, fixed, samples)
        settings = modelling.settings(self.plan, built, seed)
        return self._engine(fold, percent, built.form).training(built.model, settings)

    def _engine(self, fold: int, percent: int, form: Form) -> Engine:
        key = (fold, percent, form)
        if key not in self._engines:
            classes = len(self.plan.data.classes)
            self._engines[key] = forms.engine(self._fold(fold, percent), form, classes)
        return self._engines[key]

    def _fold(self, fold: int, percent: int) -> Fold:
        return shares.share(self.plan.data.folds[fold], percent)
