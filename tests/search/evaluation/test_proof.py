"""The winner, reloaded and scored again, then tested once: for our models and the user's."""

import hashlib
import json
import re

import keras
import numpy as np
import pytest

from studyhall.search.evaluation import (
    best,
    best_text,
    exported_files,
    proof,
    proof_result,
    reloading,
)
from studyhall.search.evaluation.proof import ProofError
from studyhall.search.process.stop import Stop
from studyhall.search.retraining import confirm_result
from studyhall.search.retraining import hidden_trials as working
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records
from studyhall.storage.studies import retrainings, scorings

pytestmark = pytest.mark.part(8)

OWN = """
    import keras

    @keras.saving.register_keras_serializable()
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    def distance(y, p):
        return keras.ops.mean(keras.ops.abs(keras.ops.one_hot(y, 3) - p), axis=-1)

    def build(trial, input_shape, outputs):
        model = keras.Sequential([
            keras.Input(input_shape),
            {layer},
            keras.layers.Dense(trial.suggest_int("units", 3, 6), activation="relu"),
            keras.layers.Dense({outputs}),
        ])
        {compile}
        return model
"""
BARE = {"space": {"width": None, "learning_rate": None}}


def own(layer="Doubled()", outputs="3, activation='softmax'", loss=None):
    compiled = f"model.compile('adam', loss={loss}, metrics=['accuracy'])" if loss else ""
    return OWN.format(layer=layer, outputs=outputs, compile=compiled)


@pytest.fixture
def finished(studio):
    """Runs every trial of a study and finishes it: the study and its card."""

    def finish(code="", **changes):
        study = studio.study(code, **changes)
        studio.finish(study)
        return study, proof.finish(studio.db, study)

    return finish


def test_the_card_beside_the_model(studio, finished):
    study, card = finished()
    folder = record.stored(study).artifacts / "best"
    assert json.loads((folder / "best.json").read_text()) == card
    model = (folder / "model.keras").read_bytes()
    assert hashlib.sha256(model).hexdigest() == card["model_sha256"]
    winner = min(records.trials(studio.db, study), key=lambda trial: trial.value)
    assert (card["trial"], card["value"]) == (winner.number, winner.value)
    assert card["hyperparameters"]["width"] == 4 and card["metrics"]["val_loss"] == winner.value
    assert card["classes"] == ["setosa", "versicolor", "virginica"]
    assert card["preparation"]["kind"] == "standard" and card["input_shape"] == [4]
    assert card["versions"]["keras"] == keras.__version__
    assert card["backend"] == "tensorflow" and card["versions"]["tensorflow"]
    assert card["proof"]["difference"] < 1e-6 and card["test"]["times"] == 1


def test_what_is_done_is_not_done_again(studio, finished):
    study, card = finished()
    again = proof.finish(studio.db, study)
    assert again["test"] == card["test"] and again["proof"] == card["proof"]


def test_what_the_folds_predict_is_exported_with_its_scores(studio, finished):
    study, card = finished(data={"folds": 3})
    found = best.read(studio.db, study)
    assert card["out_of_fold"] == found.out_of_fold
    assert found.out_of_fold["samples"] == 120 and 0 < found.out_of_fold["accuracy"] <= 1
    exported_files.copy(found, studio.folder / "export")
    with np.load(studio.folder / "export" / "out_of_fold.npz") as kept:
        right = kept["predictions"].argmax(axis=1) == kept["targets"]
    assert right.mean() == found.out_of_fold["accuracy"]
    assert any("out-of-fold" in str(part) for part in best_text.shown(found, full=True))


def test_a_confirmed_winner_has_its_searchs_out_of_fold_predictions(studio):
    """Even where the search ranked it last, and its model of the search is gone."""
    study = studio.study(study={"trials": 3}, data={"folds": 3})
    studio.finish(study)
    *others, last = sorted(records.trials(studio.db, study), key=lambda trial: -trial.value)
    assert "model" in last.attributes and "model" not in others[0].attributes
    confirm_result.plan(studio.db, study, 3, 1)
    working.work(studio.db, study, CONFIRM, Stop())
    (last,) = [
        run for run in retrainings.read(studio.db, study, CONFIRM) if run.trial == others[0].number
    ]
    text = "UPDATE studyhall_done SET value = value - 9 WHERE trial_id = :id"
    studio.db.transaction(lambda transaction: transaction.run(text, id=last.trial_id))
    card = proof.finish(studio.db, study)
    assert card["trial"] == others[0].number and card["out_of_fold"]["samples"] == 120
    exported_files.copy(best.read(studio.db, study), studio.folder / "export")
    with np.load(studio.folder / "export" / "out_of_fold.npz") as kept:
        right = kept["predictions"].argmax(axis=1) == kept["targets"]
        losses = -np.log(kept["predictions"][np.arange(120), kept["targets"]])
    assert right.mean() == card["out_of_fold"]["accuracy"]
    assert losses.mean() == pytest.approx(others[0].value, rel=1e-4)  # not of new seeds


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("source", "loss"),
    [
        ("sklearn:breast_cancer", "auto"),
        ("sklearn:breast_cancer", "binary_focal_crossentropy"),
        ("sklearn:diabetes", "auto"),
        ("sklearn:diabetes", "huber"),
    ],
)
def test_every_task_is_proven(finished, source, loss):
    _, card = finished(
        data={"source": source},
        training={"loss": loss},
        space={"l2": 0.001, "batch_norm": True, "dropout": 0.3},
    )
    assert card["proof"]["difference"] < 1e-5 * max(1, card["value"])
    scores = card["test"]["scores"]
    assert ("accuracy" in scores) == (source != "sklearn:diabetes")


def test_columns_in_any_unit_are_learned_and_proven(studio, finished):
    """Farads, milliseconds, particles and days side by side, each of which tells half the class."""
    random, rows = np.random.default_rng(0), np.arange(400)
    for name, column in {
        "farad": 1e-9 * random.uniform(1, 9, 400),
        "at_ms": 1_700_000_000_000 + random.integers(0, 200_000, 400),
        "per_m3": 1e19 * random.uniform(1, 90, 400),
        "day": 2457000 + random.random(400) / 10,
    }.items():
        y = np.where(column > np.median(column), "late", "early")
        lines = [f"{column[row]!r},{rows[row]},{y[row]}" for row in rows]
        text = "\n".join(["it,row,y", *lines]).replace("np.float64(", "").replace("np.int64(", "")
        (studio.folder / f"{name}.csv").write_text(text.replace(")", ""))
        _, card = finished(
            study={"name": name, "trials": 1},
            data={"source": f"{name}.csv", "target": "y"},
            training={"epochs": 40},
            space={"width": 16, "learning_rate": 0.01, "dropout": 0.0},
        )
        assert card["proven"] and card["test"]["scores"]["accuracy"] > 0.95, name


def test_images_are_proven_with_their_augmentation(finished):
    _, card = finished(
        data={"source": "sklearn:digits", "samples": 300},
        model={"family": "cnn"},
        space={"width": 4, "depth": 1, "flip": True, "rotation": 0.1},
        training={"epochs": 1},
    )
    assert card["proof"]["difference"] < 1e-5 and card["input_shape"] == [8, 8, 1]


def test_folds_are_proven_by_the_last_ones_model(studio, finished):
    study, card = finished(data={"folds": 3})
    winner = min(records.trials(studio.db, study), key=lambda trial: trial.value)
    assert card["proof"]["recorded"] == winner.attributes["folds"][-1]
    assert card["proof"]["difference"] < 1e-6


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "code",
    {
        "not compiled": own(),
        "a lambda layer": own("keras.layers.Lambda(lambda x: 2 * x)"),
        "a named loss": own(loss="'sparse_categorical_crossentropy'"),
        "one-hot targets": own(loss="'categorical_crossentropy'"),
        "a loss from logits": own(
            outputs="3", loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
        ),
        "a function": own(loss="keras.losses.categorical_crossentropy"),
        "a loss of the user's": own(loss="distance"),
    }.items(),
    ids=lambda item: item[0],
)
def test_the_users_models_are_proven(finished, code):
    _, card = finished(code[1], **BARE)
    assert card["proof"]["difference"] < 1e-5
    assert set(card["hyperparameters"]) >= {"units"}
    assert 0 <= card["test"]["scores"]["accuracy"] <= 1


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("outputs", "loss"),
    [
        ("1", "keras.losses.BinaryCrossentropy(from_logits=True)"),
        ("2, activation='softmax'", "'sparse_categorical_crossentropy'"),
        ("2, activation='softmax'", "'categorical_crossentropy'"),
        ("2", "keras.losses.CategoricalCrossentropy(from_logits=True)"),
    ],
)
def test_two_classes_in_the_users_own_way(finished, outputs, loss):
    """Logits, or two columns where one would do: trained, proven, and scored as what they are."""
    breast = {"data": {"source": "sklearn:breast_cancer"}, "training": {"epochs": 12}}
    _, card = finished(own(outputs=outputs, loss=loss), **BARE, **breast)
    assert card["proof"]["difference"] < 1e-5
    assert card["test"]["scores"]["accuracy"] > 0.8


def test_a_study_without_a_complete_trial(studio):
    study = studio.study()
    with pytest.raises(ProofError, match="no complete trial yet"):
        proof.finish(studio.db, study)


# What fails, fails


def test_a_model_that_scores_otherwise_is_neither_exported_nor_tested(studio):
    study = studio.study()
    studio.finish(study)
    wrong = studio.spoil(study)
    card = proof.finish(studio.db, study, again=True)
    told, folder = card["proof"], record.stored(study).artifacts / "best"
    assert not card["proven"] and not told["proven"] and told["scores"] is None
    assert told["recorded"] == wrong.value and told["difference"] > told["tolerance"]
    for said in (f"scores {told['reloaded']:.7g}", f"{wrong.value:.7g} was recorded", "rounding"):
        assert said in told["why"]
    assert json.loads((folder / "best.json").read_text()) == card
    assert [path.name for path in folder.iterdir()] == ["best.json"] and card["model"] is None
    assert scorings.read(studio.db, study) == [] and card["test"] is None


def test_the_next_best_model_that_is_proven_is_offered_exported_and_tested(studio):
    study = studio.study(study={"trials": 3, "keep_models": 3})
    studio.finish(study)
    ranked = sorted(records.trials(studio.db, study), key=lambda trial: trial.value)
    for wrong in ranked[:2]:
        studio.spoil(study, wrong)
    third = ranked[2].number
    assert proof.finish(studio.db, study)["proof"]["instead"]["trial"] == third
    found = best.read(studio.db, study)
    assert f"studyhall best iris --trial {third} --export FOLDER" in " ".join(
        best.to_json(found)["outcome"]["trust"]
    )
    card = proof.finish(studio.db, study, number=third)
    assert card["proven"] and card["trial"] == third and card["test"]["times"] == 1
    chosen = best.read(studio.db, study, third)
    assert chosen.finished and chosen.folder.name == f"trial-{third}"
    assert best.read(studio.db, study).failed  # that another is proven makes this one no better


def test_a_chosen_trial_leaves_the_test_set_to_a_winner_that_may_be_proven(studio):
    study = studio.study(study={"trials": 2, "keep_models": 2})
    studio.finish(study)
    ranked = sorted(records.trials(studio.db, study), key=lambda trial: trial.value)
    card = proof.finish(studio.db, study, number=ranked[1].number)
    assert card["proven"] and card["test"] is None
    assert proof.finish(studio.db, study)["test"]["times"] == 1
    with pytest.raises(ConfigError, match="--trial: received 7, which is missing"):
        best.read(studio.db, study, 7)


def test_an_earlier_export_that_is_proven_stays(studio, finished):
    study, card = finished()
    ours = {**card, "model_sha256": "of an earlier winner"}
    folder = record.stored(study).artifacts / "best"
    (folder / "best.json").write_text(json.dumps(ours))
    studio.spoil(study)
    assert not proof.finish(studio.db, study)["proven"]
    assert json.loads((folder / "best.json").read_text()) == ours
    assert (folder / "model.keras").exists() and best.read(studio.db, study).folder is None


def test_data_that_have_changed_are_named(studio):
    rows = [f"{n % 37},{2 * n}\n" for n in range(40)]
    (studio.folder / "table.csv").write_text("a,y\n" + "".join(rows))
    study = studio.study(data={"source": "table.csv", "target": "y"})
    studio.finish(study)
    (studio.folder / "table.csv").write_text(
        "a,y\n" + "".join(f"{n % 31},{9 - n}\n" for n in range(40))
    )
    found = proof.finish(studio.db, study)["proof"]
    assert not found["proven"] and "data with fingerprint" in proof_result.why_not(found)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is not at"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "was altered or cut off"),
    ],
)
def test_a_model_that_is_gone_or_damaged(studio, damage, message):
    study = studio.study()
    studio.finish(study)
    (model,) = record.stored(study).artifacts.glob("model-*")
    whole = model.read_bytes()
    damage(model)
    card = proof.finish(studio.db, study)
    assert not card["proven"] and message in card["proof"]["why"]
    model.write_bytes(whole)  # somebody has found it
    assert proof.finish(studio.db, study)["proven"] and best.read(studio.db, study).finished


def test_a_model_that_can_neither_be_written_nor_its_weights(studio):
    code = own().replace("def call", "def save_own_variables(self, store):\n            1 / 0\n"
                         "        def call")  # fmt: skip
    code = code.replace("1 / 0", "raise ValueError('secret')")
    study = studio.study(code, **BARE)
    studio.finish(study)
    assert "has no saved model: secret" in proof.finish(studio.db, study)["proof"]["why"]


def test_a_file_that_keras_cant_read(studio, monkeypatch):
    study = studio.study()
    studio.finish(study)
    path = studio.spoil(study) and next(record.stored(study).artifacts.glob("model-*"))
    path.write_bytes(b"no model")
    monkeypatch.setattr(reloading, "_file", lambda *_: path)  # as if it had been saved so
    why = proof.finish(studio.db, study)["proof"]["why"]
    assert why == "its saved model can't be loaded: File is not a zip file"


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (keras.Sequential([keras.Input((9,)), keras.layers.Dense(3)]), "can't be scored"),
        (keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(np.nan)]), "is not finite"),
    ],
    ids=["other shapes", "no number"],
)
def test_a_model_that_cant_be_scored(studio, monkeypatch, replaced, message):
    study = studio.study()
    studio.finish(study)
    way = reloading.Reloaded(replaced)
    monkeypatch.setattr(reloading, "ways", lambda *_: [lambda _: way])
    assert message in proof.finish(studio.db, study)["proof"]["why"]


def test_a_model_that_a_full_disk_has_not_taken_is_not_proven_and_says_so(studio, small_disk):
    """The trial counts all the same."""
    study = studio.study(
        study={"trials": 1, "artifacts": str(small_disk(64 * 1024))},
        space={"width": 256, "depth": 2},
    )
    studio.finish(study)
    (trial,) = records.trials(studio.db, study)
    assert trial.state == "COMPLETE" and trial.value is not None
    assert [stored.kind for stored in record.objects(study).objects()] == []
    found = proof.finish(studio.db, study)["proof"]
    assert not found["proven"]
    assert re.match(r"it has no saved model: \S+: No space left on device", found["why"])
