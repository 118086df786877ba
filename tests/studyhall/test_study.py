"""Studies from Python, as the documentation has them."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import optuna
import pytest
from optuna_integration import KerasPruningCallback

import studyhall
from studyhall.search.cli import finishing

pytestmark = pytest.mark.part(8)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
FAST = {"heartbeat": 0.5, "silence": 2.0}
SPACE = {"learning_rate": (1e-3, 1e-1, "log"), "depth": (1, 2), "dropout": 0.1}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{tmp_path}/studyhall.db")


def network(units):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(units), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def by_hp(hp):
    return network(hp.Int("units", 4, 16))


def by_trial(trial):
    return network(trial.suggest_int("units", 4, 16))


def by_shape(trial, input_shape, outputs):
    units = trial.suggest_int("units", 4, 16)
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(units), keras.layers.Dense(outputs)]
    )


def trained(trial, *callbacks, epochs=2):
    model = by_trial(trial)
    model.compile("adam", "binary_crossentropy", loss_weights=[1.0 + 99.0 * trial.number])
    done = model.fit(X, Y, validation_split=0.2, epochs=epochs, verbose=0, callbacks=[*callbacks])
    return min(done.history["val_loss"])


# run


def test_a_study_runs_and_answers(capfd):
    study = studyhall.Study("toy", space=SPACE, data=(X, Y), epochs=2)
    assert study.run(trials=2) is study
    table = study.trials
    assert [*table] == [
        "number", "state", "value", "best_epoch", "seconds", "learning_rate", "depth",
    ]  # fmt: skip
    assert [*table["number"]] == [0, 1] and {*table["state"]} == {"COMPLETE"}
    best = study.best
    assert best.value == table["value"].min() and {*best.params} == {"learning_rate", "depth"}
    assert best.scores["samples"] == 40 and (best.folder / "best.json").is_file()
    assert best.model.predict_on_batch(X[:3]).shape == (3, 1) and best.model is best.model
    before = capfd.readouterr().out
    assert "best of toy" in before
    again = studyhall.Study("toy", space=SPACE, data=(X, Y), epochs=2).run(trials=2, silent=True)
    assert len(again.trials) == 2
    assert studyhall.Study("toy").run().best.value == best.value


@pytest.mark.slow
def test_more_trials_extend_a_study():
    study = studyhall.Study("toy", space=SPACE, data=(X, Y), epochs=2)
    study.run(trials=1).run(trials=2, workers=2)
    assert len(study.trials) == 2
    named = studyhall.Study("toy").run(trials=3)
    assert len(named.trials) == 3
    with pytest.raises(studyhall.ConfigError, match="trials: received 2, expected at least 3"):
        named.run(trials=2)


@pytest.mark.slow
def test_files_may_be_named_and_other_processes_read_them(tmp_path):
    (tmp_path / "my_data.py").write_text(
        "import numpy as np\ndef load():\n    x = np.arange(200.0).reshape(100, 2)\n"
        "    return x, (x[:, 0] > 99).astype(int)\n"
    )
    (tmp_path / "my_model.py").write_text(
        "import keras\ndef build(hp):\n    return keras.Sequential([keras.layers.Dense("
        "hp.Int('units', 4, 8)), keras.layers.Dense(1)])\n"
    )
    study = studyhall.Study("own", data="my_data.py:load", model="my_model.py:build", epochs=2)
    assert study.run(trials=1).best.params["units"] in range(4, 9)
    assert [*tmp_path.glob(".own*")] == []


# Mistakes


def test_all_mistakes_are_said_at_once_in_the_words_of_the_command_line():
    study = studyhall.Study(
        "toy",
        space={"depht": (1, 2)},
        data=(X, Y),
        epochs=0,
        training={"patients": 3},
    )
    with pytest.raises(studyhall.ConfigError) as refused:
        study.run()
    said = str(refused.value)
    for part in ('perhaps "depth"', "[training] epochs: received 0", "patients"):
        assert part in said, said
    with pytest.raises(studyhall.ConfigError, match='received "acuracy", expected "accuracy"'):
        studyhall.Study("toy", data=(X, Y), objective="acuracy").run()
    assert not os.path.exists("studyhall.db") and not os.path.exists("studyhall-artifacts")


def test_data_that_differ_are_refused():
    changed = studyhall.Study("toy", space=SPACE, data=(X, np.full(200, np.nan)))
    with pytest.raises(studyhall.ConfigError, match="toy: "):
        changed.run()
    assert not os.path.exists("studyhall.db")


@pytest.mark.parametrize(
    ("given", "call", "said"),
    [
        ({"space": SPACE, "model": "mlp"}, {}, "toy: data: received none beside model and space"),
        ({"data": (X, Y), "space": "depth"}, {}, "toy: space: received 'depth', expected a dict"),
        ({"data": (X, Y), "model": "nope.py:build"}, {}, r"toy: \[model\] family: received \"nope"),
        ({"data": (X, Y)}, {"workers": 0}, "workers: received 0, expected a whole number from 1"),
        ({"data": (X, Y)}, {"gpus": "x"}, "gpus: received 'x', expected \"all\""),
        ({"data": (X, Y)}, {"gpus": [99]}, "gpus: received 99, expected"),
        ({"data": (X, np.full(200, np.nan))}, {}, "received nan in data at y"),
        ({"data": (X, Y), "trials": 3}, {}, "toy: trials: received 3, expected a list of dict"),
    ],
)
def test_a_refused_run_names_the_argument_and_leaves_nothing(tmp_path, given, call, said):
    with pytest.raises((studyhall.ConfigError, studyhall.UserCodeError), match=said):
        studyhall.Study("toy", **given).run(1, **call)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("table", ["study", "training", "search", "workers"])
def test_a_table_is_a_dictionary(table):
    with pytest.raises(studyhall.ConfigError, match=f"toy: {table}: received 5, expected a dict"):
        studyhall.Study("toy", **{table: 5})


def test_a_check_leaves_nothing(tmp_path, capsys):
    studyhall.Study("toy", space=SPACE, data=(X, Y), epochs=np.int64(2)).check()
    assert "fingerprint" in capsys.readouterr().out and [*tmp_path.iterdir()] == []


def test_a_study_that_is_not_there_has_no_best():
    with pytest.raises(studyhall.StorageError):
        _ = studyhall.Study("nobody").best
    studyhall.Study("one").optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    with pytest.raises(studyhall.ConfigError, match="there is no study 'nobody' in"):
        _ = studyhall.Study("nobody").trials
    with pytest.raises(studyhall.ConfigError, match="there is no study 'nobody' in"):
        studyhall.Study("nobody").run()


def test_what_only_the_code_can_say_is_refused_beside_it():
    study = studyhall.Study("own", space=SPACE, data=(X, Y), epochs=3, objective="accuracy")
    with pytest.raises(studyhall.ConfigError) as refused:
        study.optimize(trained)
    assert "[training] epochs: received a value, expected none: optimize()" in str(refused.value)
    assert len(refused.value.problems) == 6
    with pytest.raises(studyhall.ConfigError, match="direction: received 'up'"):
        studyhall.Study("own").optimize(trained, direction="up")


# Functions as models


@pytest.fixture
def unproven(monkeypatch):
    """The proof of the best model, which takes a process of its own, is left out."""
    monkeypatch.setattr(finishing, "finish", lambda *_, **__: 0)


@pytest.mark.parametrize("build", [by_hp, pytest.param(by_shape, marks=pytest.mark.slow)])
def test_a_function_trains_in_this_process(build, unproven):
    study = studyhall.Study("fun", data=(X, Y), model=build, epochs=2).run(trials=2)
    assert {*study.trials["state"]} == {"COMPLETE"} and [*study.trials][-1] == "units"


def test_the_process_is_left_as_it_was(unproven):
    keras.config.set_dtype_policy("mixed_bfloat16")
    np.random.seed(7)
    try:
        studyhall.Study("fun", data=(X, Y), model=by_shape, epochs=1).run(trials=1)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert np.random.random() == np.random.RandomState(7).random()
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_function_with_other_arguments_is_refused_before_anything_is_written():
    study = studyhall.Study("fun", data=(X, Y), model=lambda one, two, three, four: None)
    with pytest.raises(studyhall.UserCodeError, match="python:lambda takes"):
        study.run()
    assert not os.path.exists("studyhall.db")


def test_an_interrupted_function_goes_on_where_it_stopped(unproven, capsys):
    def build(trial, input_shape, outputs):
        if len(built) < 1:
            os.kill(os.getpid(), signal.SIGINT)
        built.append(trial)
        return by_shape(trial, input_shape, outputs)

    built, before = [], signal.getsignal(signal.SIGINT)
    study = studyhall.Study("fun", data=(X, Y), model=build, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        study.run(trials=2)
    assert "fun: the trial is handed back; run the" in capsys.readouterr().out
    assert [*study.trials["state"]] == ["RUNNING"]
    assert [*study.run(trials=2).trials["state"]] == ["COMPLETE"] * 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_ends_at_once(unproven):
    def build(trial, input_shape, outputs):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        studyhall.Study("fun", data=(X, Y), model=build, epochs=3).run(trials=2)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_function_that_fails_is_said(unproven):
    def build(hp):
        return 1 / hp.Fixed("zero", 0)

    with pytest.raises(studyhall.ConfigError, match="ZeroDivisionError"):
        studyhall.Study("fun", data=(X, Y), model=build).run(trials=9)


def test_a_changed_function_is_refused(unproven):
    studyhall.Study("fun", data=(X, Y), model=by_shape, epochs=1).run(trials=1)

    def other(trial, input_shape, outputs):
        return by_shape(trial, input_shape, outputs + 0)

    other.__name__ = "by_shape"
    with pytest.raises(studyhall.ConfigError, match="python:by_shape: received a function with"):
        studyhall.Study("fun", data=(X, Y), model=other, epochs=1).run(trials=2)


def test_the_command_line_says_that_it_can_not_go_on(unproven):
    studyhall.Study("fun", data=(X, Y), model=by_shape, epochs=1).run(trials=1)
    answer = subprocess.run(
        [sys.executable, "-m", "studyhall", "resume", "fun", "--trials", "+1"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 2 and len(answer.stderr.splitlines()) == 1
    assert 'fun: its models are built by "by_shape": continue it from Python' in answer.stderr


@pytest.mark.slow
def test_workers_train_a_function_as_this_process_does():
    values = []
    for name, workers in (("here", 1), ("there", 2)):
        study = studyhall.Study(name, data=(X, Y), model=by_shape, epochs=2)
        study.run(trials=3, workers=workers)
        values.append([*study.trials["value"]])
        assert study.best.scores and study.best.model.predict_on_batch(X[:2]).shape == (2, 1)
    # Two workers have half the threads each, which add in another order.
    assert values[0] == pytest.approx(values[1], rel=1e-5)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_by_one_that_has_the_function():
    def build(trial, input_shape, outputs):
        if not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return by_shape(trial, input_shape, outputs)

    study = studyhall.Study("fun", data=(X, Y), model=build, epochs=2, workers=FAST)
    assert len(study.run(trials=3, workers=2).trials) == 3


@pytest.mark.slow
def test_a_mistake_that_only_workers_meet_is_raised_here(tmp_path):
    (tmp_path / "my_model.py").write_text("def build(hp):\n    return 1 / hp.Fixed('zero', 0)\n")
    study = studyhall.Study("own", data=(X, Y), model="my_model.py:build")
    with pytest.raises(studyhall.ConfigError, match=r"my_model.py, line 2: ZeroDivisionError"):
        study.run(trials=20)


# search


@pytest.mark.parametrize("build", [pytest.param(by_hp, marks=pytest.mark.slow), by_trial])
def test_a_search_passes_the_arguments_of_fit(build):
    study = studyhall.Study("own", seed=1)
    study.search(build, X, Y, validation_split=0.2, epochs=2, trials=2, verbose=0, batch_size=50)
    assert len(study.trials) == 2 and {*study.best.scores} > {"val_loss", "val_accuracy"}
    assert study.best.params.keys() == {"units"}
    found = study.best.model.evaluate(X[160:], Y[160:], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(study.best.value, rel=1e-5)
    assert studyhall.Study("own").best.model.predict_on_batch(X[:2]).shape == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "fit", "said"),
    [
        (by_hp, {"epoch": 2, "validation_split": 0.2}, 'received epoch=.* did you mean "epochs"'),
        (by_hp, {"x": X, "validation_split": 0.2}, "x: received it twice"),
        (by_hp, {}, 'nothing to measure it on, expected validation_data= or .* objective="loss"'),
        (by_hp, {"objective": "val_f1"}, 'val_f1", whose direction is unknown, expected direction'),
        ("build", {"validation_split": 0.2}, "build: received 'build', expected a function"),
    ],
)
def test_a_search_that_can_not_be_is_refused_before_anything_is_written(tmp_path, build, fit, said):
    with pytest.raises(studyhall.ConfigError, match=said):
        studyhall.Study("own").search(build, X, Y, trials=1, **fit)
    assert [*tmp_path.iterdir()] == []


def test_callbacks_may_measure_by_data_of_their_own():
    class Measures(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_f1"] = float(epoch)

    study, given = studyhall.Study("own"), {"callbacks": [Measures()], "direction": "maximize"}
    study.search(by_hp, X, Y, trials=1, epochs=2, verbose=0, objective="val_f1", **given)
    assert study.best.value == 1.0


def test_only_one_search_is_ranked_under_a_name():
    def searched(build=by_hp, x=X, **changed):
        fit = {"validation_data": (X, Y), "epochs": 1, "verbose": 0, **changed}
        return studyhall.Study("one").search(build, x, Y, trials=2, **fit)

    searched()
    searched(verbose=2, x=X.copy())
    for changed, named in (
        ({"build": lambda hp: network(hp.Int("units", 4, 16))}, "build"),
        ({"x": X + 1, "batch_size": 16}, "x and batch_size"),
        ({"validation_data": (X, 1 - Y)}, "validation_data"),
        ({"class_weight": {0: 1.0, 1: 2.0}}, "class_weight"),
    ):
        with pytest.raises(studyhall.ConfigError, match=f"received another {named} than this"):
            searched(**changed)
    assert len(studyhall.Study("one").trials) == 2


def test_a_search_without_a_result_may_be_mended():
    def fails(hp):
        model = by_hp(hp)
        model.compile("adam", "no_such_loss")
        return model

    fit = {"validation_split": 0.2, "epochs": 1, "verbose": 0}
    with pytest.raises(studyhall.ConfigError):
        studyhall.Study("mended").search(fails, X, Y, trials=1, **fit)
    assert studyhall.Study("mended").search(by_hp, X, Y, trials=2, **fit).best.value


def test_a_value_without_a_model_is_said_so():
    study = studyhall.Study("none").optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    with pytest.raises(studyhall.ConfigError, match="no model: none was recorded, as studyhall"):
        _ = study.best.model


def test_a_search_by_accuracy_is_for_the_highest():
    study = studyhall.Study("own")
    study.search(
        by_hp, X, Y, validation_split=0.2, epochs=2, trials=3, verbose=0, objective="val_accuracy"
    )
    assert study.best.value == study.trials["value"].max()


# optimize


def test_a_function_is_optimised_and_goes_on():
    study = studyhall.Study("square", seed=3)
    for trials in (4, 4, 6):
        study.optimize(lambda trial: (trial.suggest_float("x", -1, 1) - 0.5) ** 2, trials)
        assert len(study.trials) == trials
    assert study.best.value == study.trials["value"].min()
    with pytest.raises(studyhall.ConfigError, match="has no model"):
        _ = study.best.model


def test_the_callback_reports_each_epoch():
    study = studyhall.Study("fit")
    study.optimize(lambda trial: trained(trial, trial.callback()), 1)
    best = study.best
    assert best.model.predict_on_batch(X[:2]).shape == (2, 1)
    (frozen,) = optuna.load_study(study_name="fit", storage=os.environ["STUDYHALL_STORAGE"]).trials
    assert [*frozen.intermediate_values] == [1, 2]
    assert min(frozen.intermediate_values.values()) == pytest.approx(best.value)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "callback",
    [studyhall.callback, lambda trial: KerasPruningCallback(trial, "val_loss")],
    ids=["ours", "optuna-integration"],
)
def test_a_trial_that_falls_behind_is_pruned_as_in_optuna(callback):
    caught = []

    def objective(trial):
        try:
            return trained(trial, callback(trial))
        except optuna.TrialPruned as pruned:
            caught.append(pruned)
            raise

    study = studyhall.Study("fit")
    study.optimize(objective, 2, pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    assert [*study.trials["state"]] == ["COMPLETE", "PRUNED"] and len(caught) == 1


def test_an_interrupted_fit_goes_on_from_its_checkpoint(capsys):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            epochs.append(epoch)
            if epochs == [0, 1]:
                os.kill(os.getpid(), signal.SIGINT)

    epochs, study = [], studyhall.Study("fit")

    def objective(trial):
        return trained(trial, Interrupt(), studyhall.callback(trial), epochs=4)

    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, 1)
    assert "fit: the trial is handed back" in capsys.readouterr().out
    study.optimize(objective, 1)
    assert epochs == [0, 1, 2, 3] and [*study.trials["state"]] == ["COMPLETE"]


@pytest.mark.slow
def test_a_callback_needs_a_trial_of_ours_and_a_metric_that_is_measured():
    with pytest.raises(studyhall.ConfigError, match="callback: received a optuna"):
        studyhall.callback(optuna.create_study().ask())
    with pytest.raises(studyhall.ConfigError, match='received "val_auc", expected one of acc'):
        studyhall.Study("fit").optimize(
            lambda trial: trained(trial, studyhall.callback(trial, "val_auc"), epochs=1), 9
        )


def test_a_mistyped_metric_is_noticed_after_the_first_epoch():
    epochs = []

    def objective(trial):
        counts = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(1))
        return trained(trial, counts, trial.callback(monitor="val_los"), epochs=5)

    with pytest.raises(studyhall.ConfigError, match='did you mean "val_loss"'):
        studyhall.Study("fit").optimize(objective, 1)
    assert len(epochs) == 1


# The package


def test_the_package_imports_nothing_until_it_is_asked():
    code = (
        "import sys, studyhall\nbefore = len(sys.modules)\nassert 'pydantic' not in sys.modules\n"
        "assert {'Study', 'ConfigError', 'callback'} <= {*dir(studyhall)}\n"
        "studyhall.Study('x', space={'depth': (1, 2)}, data=([[1.0]], [1]))\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'sklearn', 'optuna'} & {*sys.modules}\n"
        "assert not heavy, heavy"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


# Losses, metrics and callbacks of one's own


def squares(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(keras.ops.cast(y_true, "float32") - y_pred), axis=-1)


class Adds(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_epoch"] = epoch + 1.0


def own_study(loss, objective, name="own"):
    hits = keras.metrics.BinaryAccuracy(name="anything", threshold=0.5)
    return studyhall.Study(
        name,
        space={"width": 4, "learning_rate": 0.05},
        data=(X, Y[:, None]),
        objective=objective,
        study={"direction": ["maximize", "auto"]},
        epochs=2,
        training={"loss": loss, "metrics": ["accuracy", hits], "callbacks": Adds},
    )


@pytest.mark.slow
def test_functions_classes_and_objects_are_handed_over_as_they_are(capsys):
    def right(y_true, y_pred):
        assert len(y_true.shape) == 2, "a column stays one"
        return keras.ops.equal(keras.ops.cast(y_true, "bool"), y_pred > 0.5)

    study = own_study(squares, [right, "parameters"]).run(trials=1)
    best = study.best
    assert "right" in capsys.readouterr().out
    assert best.value == pytest.approx(best.scores["accuracy"], abs=0.5)
    (trial,) = study_trials("own")
    metrics = trial.attributes["metrics"]
    assert metrics["val_right"] == metrics["val_accuracy"] == trial.value
    assert {"val_BinaryAccuracy", "val_epoch"} <= {*metrics}

    def squares_of_another(y_true, y_pred):
        return 2 * squares(y_true, y_pred)

    squares_of_another.__name__ = "squares"
    with pytest.raises(studyhall.ConfigError, match="python:squares: received a function with SHA"):
        own_study(squares_of_another, [right, "parameters"]).run(trials=2)


@pytest.mark.slow
def test_two_functions_of_one_name_are_told_apart():
    losses = [lambda y, p: squares(y, p), lambda y, p: 3 * squares(y, p)]
    study = studyhall.Study(
        "two",
        space={"width": 4},
        data=(X, Y),
        epochs=1,
        training={"loss": losses[0], "metrics": [losses[1]]},
    )
    study.run(trials=1)
    (trial,) = study_trials("two")
    found = trial.attributes["metrics"]
    # (N,) with (N, 1) broadcasts in a metric, as Keras itself calls it.
    assert {"val_lambda_2", "val_loss"} <= {*found} and found["val_lambda_2"] > found["val_loss"]


def study_trials(name):
    from studyhall.storage.database import Database
    from studyhall.storage.queries import records
    from studyhall.storage.studies import studies

    db = Database.open(os.environ["STUDYHALL_STORAGE"])
    try:
        return records.trials(db, studies.find(db, name))
    finally:
        db.close()
