"""KerasTuner's interface on our studies, in one process, as `python tune.py` has it."""

from __future__ import annotations

import signal
import sys

import keras
import keras_tuner
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import studyhall.keras_tuner as kt
from studyhall.keras_tuner import building, oracles, results
from studyhall.keras_tuner import objective as objectives
from studyhall.search.evaluation import best, conversion
from studyhall.search.process import stand_ins
from studyhall.search.scripts import answers, script_proof
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

pytestmark = pytest.mark.part(9)

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = (X.sum(1) > 0).astype("int32")
FIT = {"epochs": 3, "validation_data": (X, Y), "verbose": 0}


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder and a database of one test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)


def build(hp):
    model = keras.Sequential([keras.Input((3,))])
    for i in range(hp.Int("layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Choice(f"units_{i}", [2, 4])))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    optimizer = keras.optimizers.SGD(hp.Float("rate", 1e-2, 1.0, sampling="log"))
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


class Sphere(kt.Tuner):
    """A search without a model."""

    def run_trial(self, trial, *args, **kwargs):
        return sum(trial.hyperparameters.Float(name, -1.0, 1.0) ** 2 for name in ("a", "b"))


def trials(name):
    db = Database.open("sqlite:///studyhall.db")
    study = studies.find(db, name)
    found = records.trials(db, study)
    db.close()
    return found


def test_a_search_becomes_a_study_whose_models_score_as_recorded():
    tuner = kt.RandomSearch(build, "val_accuracy", max_trials=3, seed=5, project_name="a b")
    tuner.search(X, Y, **FIT)

    first = tuner.oracle.get_best_trials(3)
    assert [each.score for each in first] == sorted((each.score for each in first), reverse=True)
    assert all(each.status == "COMPLETED" for each in first)
    for model, trial in zip(tuner.get_best_models(3), first, strict=True):
        assert model.evaluate(X, Y, verbose=0)[1] == pytest.approx(trial.score)
        assert trial.metrics.get_best_value("val_accuracy") == trial.score
    rows = trials("a-b")  # what may not stand in a study's name
    assert [row.state for row in rows] == ["COMPLETE"] * 3 and all(r.epochs == 3 for r in rows)
    assert {row.value for row in rows} == {each.score for each in first}
    values = tuner.get_best_hyperparameters()[0].values
    assert values == {name: first[0].hyperparameters.get(name) for name in values}
    assert tuner.remaining_trials == 0 and set(tuner.oracle.trials) == {"00", "01", "02"}


def test_a_model_that_scores_otherwise_is_not_exported():
    tuner = kt.RandomSearch(build, "val_loss", max_trials=2, project_name="proof")
    tuner.search(X, Y, **FIT)
    searched = tuner.oracle.searched
    db = Database.open(searched.url)
    altered = (X, 1 - Y)

    card = script_proof.prove(
        db, searched, tuner._call((X, Y), {**FIT, "validation_data": altered})
    )
    assert not card["proven"] and not best.read(db, searched.study).folder
    card = script_proof.prove(db, searched, tuner._call((X, Y), FIT))
    assert card["proven"] and best.read(db, searched.study).finished
    with pytest.raises(ConfigError, match="no validation data to measure its model on"):
        script_proof.prove(db, searched, tuner._call((X, Y), {"epochs": 3}))
    noise = np.random.default_rng(0)

    class Drawn(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return noise.normal(size=X.shape), Y

    with pytest.raises(ConfigError, match="its validation data differ each time"):
        script_proof.prove(db, searched, tuner._call((X, Y), {"validation_data": Drawn()}))
    shared = tuner._call((X, Y), {"validation_split": 0.5})
    assert script_proof.prove(db, searched, shared)["proof"]["reloaded"] > 0
    db.close()


def test_a_finished_study_is_not_trained_again_unless_the_script_overwrites_it(capsys):
    def searched(**kwargs):
        tuner = Sphere(kt.oracles.RandomSearch("loss", max_trials=4), project_name="s", **kwargs)
        tuner.search()
        return [each.hyperparameters.values for each in tuner.oracle.get_best_trials(4)]

    first = searched()
    assert searched() == first
    assert "4 of 4 trials and is finished" in capsys.readouterr().out
    assert searched(overwrite=True) == first  # of the same seed, but trained again
    assert "is in the trash" in capsys.readouterr().out


def test_more_trials_go_on_where_the_study_ended():
    for count in (2, 5):
        tuner = Sphere(kt.oracles.BayesianOptimization("loss", max_trials=count), project_name="s")
        tuner.search()
    assert len(trials("s")) == 5 and tuner.oracle.get_best_trials()[0].score <= 2.0


def test_run_trial_may_choose_the_batch_size_and_call_the_usual_one():
    seen = []

    class Tuner(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            kwargs["batch_size"] = trial.hyperparameters.Int("batch", 8, 32, step=8)
            seen.append(kwargs["batch_size"])
            return super().run_trial(trial, *args, **kwargs)

        def on_epoch_end(self, trial, model, epoch, logs=None):
            seen.append((trial.trial_id, epoch, logs["val_loss"]))

    tuner = Tuner(build, "val_loss", max_trials=2, project_name="batches")
    tuner.search(X, Y, **FIT)

    rows = trials("batches")
    assert [row.params["batch"] for row in rows] == [each for each in seen if type(each) is int]
    assert [each[:2] for each in seen if type(each) is tuple] == [
        (number, epoch) for number in ("00", "01") for epoch in range(3)
    ]
    for number, row in enumerate(rows):
        losses = [each[2] for each in seen if type(each) is tuple and int(each[0]) == number]
        assert row.value == pytest.approx(min(losses))


@pytest.mark.slow
def test_several_executions_count_by_their_mean():
    tuner = kt.RandomSearch(
        build, "val_loss", max_trials=1, executions_per_trial=3, project_name="thrice"
    )
    tuner.search(X, Y, **FIT)
    (row,) = trials("thrice")
    assert row.epochs == 9 and len(row.attributes["repeats"]) == 3
    assert row.value == pytest.approx(np.mean(row.attributes["repeats"]))
    assert len({*row.attributes["repeats"]}) == 3  # each from a seed of its own
    model = tuner.get_best_models()[0]  # the best epoch of all three
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(min(row.attributes["repeats"]))


class Interrupts(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch, once."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.optimizer.iterations == self.epoch * 2 and not INTERRUPTED:
            INTERRUPTED.append(True)
            signal.raise_signal(signal.SIGINT)


INTERRUPTED: list[bool] = []


def build_late(hp):
    """A model that knows its input only once it trains, as many do."""
    units = hp.Int("units", 2, 4)
    model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.sampled(1)
@pytest.mark.parametrize("builder", [build, build_late])
def test_a_search_that_is_interrupted_goes_on_within_the_fit(builder, capsys):
    callbacks = [Interrupts(3), keras.callbacks.EarlyStopping(patience=9)]

    def search():
        tuner = kt.RandomSearch(builder, "val_loss", max_trials=2, seed=2, project_name="halfway")
        tuner.search(X, Y, batch_size=32, callbacks=callbacks, **{**FIT, "epochs": 6})
        return tuner

    INTERRUPTED.clear()
    with pytest.raises(KeyboardInterrupt):
        search()
    assert "is handed back; run the" in capsys.readouterr().out
    assert [(row.state, row.epochs) for row in trials("halfway")] == [("RUNNING", 4)]
    tuner = search()

    rows = trials("halfway")
    assert [row.epochs for row in rows] == [6, 6] and [row.attempt for row in rows] == [2, 1]
    assert sum(row.repeated_epochs for row in rows) == 0
    model = tuner.get_best_models()[0]
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(min(row.value for row in rows))


def test_a_trial_that_fails_is_recorded_and_three_in_a_row_end_the_search():
    calls = []

    def failing(hp):
        calls.append(hp.Int("units", 1, 9))
        if len(calls) > 1:  # the first is that of the tuner, which looks what is declared
            raise ValueError("no such layer")
        return build(hp)

    tuner = kt.RandomSearch(failing, "val_loss", max_trials=9, project_name="failing")
    with pytest.raises(ConfigError, match="3 trials failed and none succeeded"):
        tuner.search(X, Y, **FIT)
    rows = trials("failing")
    assert [row.state for row in rows] == ["FAIL"] * 3
    assert "ValueError: no such layer" in rows[0].attributes["reason"]


def test_oversized_models_fail_their_trials():
    tuner = kt.RandomSearch(build, "val_loss", max_trials=2, max_model_size=3, project_name="large")
    tuner.search(X, Y, **FIT)
    assert "parameters, expected at most 3" in trials("large")[0].attributes["reason"]


@pytest.mark.parametrize("compiled", [True, False])
def test_a_training_loop_of_ones_own_drives_the_callbacks(compiled):
    class Loop(kt.HyperModel):
        def build(self, hp):
            return build(hp) if compiled else keras.Sequential(build(hp).layers)

        def fit(self, hp, model, x, y, callbacks=None):
            for callback in callbacks:
                callback.set_model(model)
            for epoch in range(2):
                loss = float(model.train_on_batch(x, y)[0]) if compiled else model(x)[0, 0] + epoch
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs={"mine": float(loss)})
            return float(loss)

    tuner = kt.RandomSearch(Loop(), kt.Objective("mine", "min"), max_trials=2, project_name="loop")
    tuner.search(X, Y)
    rows = trials("loop")
    assert [row.epochs for row in rows] == [2, 2] and all(row.value > 0 for row in rows)
    assert len(tuner.get_best_models(2)) == 2
    searched = tuner.oracle.searched
    call = tuner._call((X, Y), {"validation_data": (X, Y)})
    db = Database.open(searched.url)
    with pytest.raises(ConfigError, match=r"can't be measured again|measures"):
        script_proof.prove(db, searched, call)
    db.close()


@pytest.mark.parametrize(
    ("objective", "returned"),
    [
        ("val_loss", None),
        ("val_loss", {"loss": 1.0}),
        ("val_loss", "text"),
        (None, {"loss": 1.0}),
    ],
)
def test_what_run_trial_returns_must_hold_the_objective(objective, returned):
    class Tuner(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return returned

    tuner = Tuner(kt.oracles.RandomSearch(objective, max_trials=3), project_name="wrong")
    with pytest.raises(ConfigError, match="run_trial"):
        tuner.search()


def test_metrics_may_be_reported_to_the_oracle_as_older_scripts_do():
    class Tuner(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            value = trial.hyperparameters.Float("a", 0.0, 1.0)
            self.oracle.update_trial(trial.trial_id, {"score": value})

    oracle = kt.oracles.RandomSearch(kt.Objective("score", "max"), max_trials=3)
    Tuner(oracle, project_name="older").search()
    assert all(row.value == row.params["a"] for row in trials("older"))


def test_a_grid_covers_what_only_some_values_declare():
    class Points(kt.GridSearch):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            return float(sum(hp.Int(f"u{i}", 0, 1) for i in range(hp.Int("n", 1, 2))))

    def declare(hp):
        for i in range(hp.Int("n", 1, 2)):
            hp.Int(f"u{i}", 0, 1)

    tuner = Points(declare, "loss", project_name="grid")
    tuner.search()
    found = sorted(tuple(sorted(row.params.items())) for row in trials("grid"))
    assert len(found) == len({*found}) == 2 + 4


def test_a_grid_with_what_only_a_training_declares_has_gaps_which_fail():
    class Late(kt.GridSearch):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters.Float("late", 0.0, 1.0)

    tuner = Late(lambda hp: hp.Int("n", 1, 4), "loss", project_name="late")
    with pytest.raises(ConfigError, match="late is declared only while a trial trains"):
        tuner.search()


@given(st.integers(1, 400), st.integers(2, 6), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_hyperband_begins_as_many_trials_as_keras_tuner(epochs, factor, iterations):
    theirs = keras_tuner.oracles.HyperbandOracle("val_loss", epochs, factor, iterations)
    ours = oracles.HyperbandOracle("val_loss", epochs, factor, iterations)
    begun = sum(theirs._get_size(n, 0) for n in range(theirs._get_num_brackets()))
    assert ours.trial_count == iterations * begun


@pytest.mark.slow
def test_hyperband_trains_up_to_its_epochs_and_prunes():
    tuner = kt.Hyperband(build, "val_loss", max_epochs=3, factor=3, seed=1, project_name="band")
    tuner.search(X, Y, **FIT)
    rows = trials("band")
    assert len(rows) == tuner.oracle.trial_count
    assert {row.state for row in rows} == {"COMPLETE", "PRUNED"}
    assert all(row.epochs == 3 for row in rows if row.state == "COMPLETE")


NAMES = sorted(
    {name for kind in (keras.metrics, keras.losses) for name in dir(kind) if name[0] != "_"}
    | {"loss", "acc", "accuracy", "val_loss", "val_auc", "val_mse", "weighted_acc", "f1", "mine"}
)


@pytest.mark.parametrize("prefix", ["", "val_"])
def test_directions_are_those_of_keras_tuner(prefix):
    infer = keras_tuner.src.engine.metrics_tracking.infer_metric_direction
    told = {}
    for name in NAMES:
        try:
            told[prefix + name] = infer(prefix + name)
        except (TypeError, ValueError):  # a class that needs arguments
            continue
    assert {name: objectives.infer_metric_direction(name) for name in told} == told


@given(
    st.integers(1, 5).flatmap(
        lambda count: st.fixed_dictionaries(
            {
                name: st.lists(st.floats(-9, 9), min_size=count, max_size=count)
                for name in ("loss", "val_loss", "val_accuracy")
            }
        )
    ),
    st.sampled_from(["val_loss", "val_accuracy", ["val_loss", "val_accuracy"]]),
    st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_results_are_read_as_by_keras_tuner(record, objective, times):
    history = keras.callbacks.History()
    history.history = record
    theirs = keras_tuner.src.engine.tuner_utils.convert_to_metrics_dict(
        [history] * times, keras_tuner.src.engine.objective.create_objective(objective)
    )
    assert results.metrics([history] * times, objectives.create(objective)) == pytest.approx(theirs)
    step = keras_tuner.src.engine.tuner_utils.get_best_step(
        [history] * times, keras_tuner.src.engine.objective.create_objective(objective)
    )
    assert results.best_step([history] * times, objectives.create(objective)) == step


def test_an_unknown_direction_is_refused_with_what_to_write():
    with pytest.raises(ValueError, match=r'keras_tuner.Objective\("val_f2", direction="min"\)'):
        kt.RandomSearch(build, "val_f2")


def test_optimizer_loss_and_metrics_replace_those_of_the_builder():
    model = build(kt.HyperParameters())
    given = keras.optimizers.Adam(0.5)
    building.compile_anew(model, given, "mse", ["mae"])
    assert model.optimizer is not given and float(model.optimizer.learning_rate) == 0.5
    assert model.loss == "mse"


@pytest.mark.parametrize("standing_in", [False, True])
def test_the_ready_made_models_declare_what_they_declare_to_keras_tuner(standing_in, monkeypatch):
    theirs = keras_tuner.HyperParameters()
    keras_tuner.applications.HyperXception(input_shape=(8, 8, 3), classes=2).build(theirs)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    if standing_in:
        sys.meta_path.insert(0, stand_ins._Finder())
    modules = {name: each for name, each in sys.modules.items() if "keras_tuner" in name}
    ours = kt.HyperParameters()

    kt.applications.HyperXception(input_shape=(8, 8, 3), classes=2).build(ours)

    assert ours.values == theirs.values
    assert {name: each for name, each in sys.modules.items() if "keras_tuner" in name} == modules
    with pytest.raises(AttributeError):
        _ = kt.applications.HyperNothing


@pytest.mark.slow
def test_the_proven_model_of_a_script_is_converted_only_if_it_predicts_the_same(tmp_path):
    tuner = kt.RandomSearch(build_late, "val_loss", max_trials=2, project_name="served")
    data = [(X[start : start + 16], Y[start : start + 16]) for start in range(0, 64, 16)]

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, index):
            return data[index]

    fit = {**FIT, "validation_data": Batches()}
    tuner.search(X, Y, **fit)
    searched, call = tuner.oracle.searched, tuner._call((X, Y), fit)
    db = Database.open(searched.url)
    assert script_proof.prove(db, searched, call)["proven"]
    found = best.read(db, searched.study)
    model, x = call.convertible(found.trial, answers.model_file(searched, found.trial))
    db.close()
    assert np.array_equal(x, X)
    made = conversion.Conversion(model, x, 1e-4, found.trial.number, lambda outputs: {})
    about = made.convert("savedmodel", tmp_path / "savedmodel" / "1")
    assert about["samples"] == 64 and about["difference"] < 1e-5
    made._expected = made._expected + 0.01
    with pytest.raises(ConfigError, match="64 of 64 predictions differ"):
        made.convert("savedmodel", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    for wrong in ({"validation_data": ([X, X], Y)}, {}, {"validation_data": iter([])}):
        with pytest.raises(ConfigError, match=r"expected one|no validation data of one input"):
            tuner._call((X, Y), wrong).convertible(found.trial, tmp_path)


@pytest.mark.slow
def test_the_space_has_what_only_some_trials_declare():
    class Model(kt.HyperModel):
        def build(self, hp):
            return build(hp)

        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, batch_size=hp.Int("batch", 16, 32, step=16), **kwargs)

    tuner = kt.RandomSearch(Model(), "val_loss", max_trials=6, seed=1, project_name="space")
    assert {each.name for each in tuner.oracle.get_space().space} == {"layers", "units_0", "rate"}
    tuner.search(X, Y, **{**FIT, "epochs": 1})
    assert any(row.params["layers"] == 2 for row in trials("space"))
    names = [each.name for each in tuner.oracle.get_space().space]
    assert sorted(names) == ["batch", "layers", "rate", "units_0", "units_1"]
    for trial in tuner.oracle.get_best_trials(6):
        hp = trial.hyperparameters
        assert {each.name for each in hp.space} == hp.values.keys()
        assert ("units_1" in hp.values) == (hp.get("layers") == 2)
