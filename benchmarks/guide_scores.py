"""The scores of a finished recipe: its fixed trials and the winner, on the test set too."""

from typing import Any

import keras

from studyhall.search.data import loading
from studyhall.search.display import curves
from studyhall.search.evaluation import scores, valuation
from studyhall.search.study import record
from studyhall.search.trial import blueprints, compiling, exporting
from studyhall.search.trial.blueprints import Blueprint
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


def read(db: Database, name: str) -> dict[str, Any]:
    """The fixed trials by name, the winner, and how many trials there were."""
    study = studies.find(db, name)
    assert study is not None
    stored = record.stored(study)
    data = loading.of_file(stored.file, stored.folder, study.seed)
    plan = blueprints.of_file(stored.file, data, stored.folder)
    found = records.trials(db, study)
    winner = status.status(db, study).incumbent
    assert winner is not None
    fixed = [trial for trial in found if "name" in trial.attributes]
    return {
        "trials": len(found),
        "fixed": {trial.attributes["name"]: _told(db, study, plan, trial) for trial in fixed},
        "winner": _told(db, study, plan, winner),
    }


def _told(db: Database, study: Study, plan: Blueprint, trial: TrialRecord) -> dict[str, Any]:
    history = curves.flat(records.history(db, trial.trial_id))
    last, best = history[-1], history[(trial.best_epoch or 1) - 1]
    return {
        "trial": trial.number,
        "name": trial.attributes.get("name"),
        "params": trial.params,
        "parameters": trial.attributes["parameters"],
        "epochs": trial.epochs,
        "best_epoch": trial.best_epoch,
        "value": trial.value,
        "accuracy": best.get("accuracy"),
        "last_accuracy": last.get("accuracy"),
        "last_val_loss": last.get("val_loss"),
        "last_val_accuracy": last.get("val_accuracy"),
        **_tested(study, plan, trial),
    }


def _tested(study: Study, plan: Blueprint, trial: TrialRecord) -> dict[str, float]:
    """Loss and accuracy of a trial's best weights on the test set."""
    path = bucket.fetched(record.objects(study), trial.attributes["model"])
    model = keras.models.load_model(path, compile=False)
    data, loss = plan.data, compiling.loss(plan, 0.0)
    outputs = exporting.predict(model, data.test.x)
    predicted = exporting.probabilities(data.task, loss, outputs)
    return {
        "test_loss": valuation.data_loss(loss, [(data.test.y, outputs)]),
        "test_accuracy": scores.scores(data.task, data.classes, data.test.y, predicted)["accuracy"],
    }
