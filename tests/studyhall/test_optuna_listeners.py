"""Optuna trials of a script in TensorBoard: reports, and the epochs of each `fit`."""

from __future__ import annotations

import keras
import numpy as np
import optuna as plain
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from studyhall import optuna
from studyhall.search.trial import event_files
from studyhall.storage.database import Database
from studyhall.storage.studies import studies

pytestmark = pytest.mark.usefixtures("own_folder")
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = (X.sum(1) > 0).astype("int32")


def told(objective, name):
    """The scalars of the only trial of an objective, by folder below the trial's and by tag."""
    tables = {"training": {"tensorboard": True}}
    study = optuna.Study(name, None, None, plain.pruners.NopPruner(), "minimize", tables)
    study.optimize(objective, n_trials=1)
    db = Database.open("sqlite:///studyhall.db")
    folder = event_files.folder_of(studies.find(db, name)) / "trial-0"
    db.close()
    found = {}
    for path in sorted({each.parent for each in folder.rglob("events*")}):
        events = EventAccumulator(str(path))
        events.Reload()
        found[str(path.relative_to(folder))] = {
            tag: [(each.step, each.value) for each in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }
    return found


def test_reports_of_a_training_loop_are_epochs():
    def objective(trial):
        trial.suggest_float("x", 0, 1)
        for step in range(3):
            trial.report(3.0 - step, step)
        return 1.0

    found = told(objective, "loop")["."]
    assert found["value"] == [(1, 3.0), (2, 2.0), (3, 1.0), (0, 1.0)]  # the last is the trial's


def test_each_fit_of_an_objective_is_told_with_what_is_reported_beside_it():
    losses = []

    def objective(trial):
        for fold in range(2):
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
            model.compile("sgd", "binary_crossentropy")
            history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
            losses.append(history["val_loss"])
            trial.report(losses[fold][-1], fold)
        return 0.5

    found = told(objective, "folds")
    expected = [[(n + 1, pytest.approx(loss)) for n, loss in enumerate(each)] for each in losses]
    assert found["."]["val_loss"] == expected[0] and found["fit-2"]["val_loss"] == expected[1]
    reported = [value for _, value in found["."]["value"]]
    assert reported[:2] == pytest.approx([losses[0][-1], losses[1][-1]])
