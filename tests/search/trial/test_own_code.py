"""Studies with losses, metrics, objectives and callbacks of the user's own."""

import textwrap

import numpy as np
import pytest

from studyhall.search.cli import check
from studyhall.search.evaluation import best, proof, round_trip
from studyhall.search.retraining import replay
from studyhall.search.study import inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.context import Outcome
from studyhall.spaces.failures import UserCodeError
from studyhall.storage.queries import records
from tests.stop_after import StopAfter

pytestmark = pytest.mark.part(7)

MINE = """
    import keras
    from keras import ops
    from beside import WORTH

    def focal(y_true, y_pred):
        hot = ops.one_hot(ops.cast(y_true, "int32"), 3)
        right = ops.sum(hot * y_pred, axis=-1)
        return -ops.square(1 - right) * ops.log(right + 1e-7)

    def profit(y_true, y_pred):
        right = ops.equal(ops.cast(y_true, "int64"), ops.cast(ops.argmax(y_pred, -1), "int64"))
        return ops.where(right, WORTH, -1.0)

    class Sure(keras.metrics.Metric):
        def __init__(self, name="anything", least=0.5):
            super().__init__(name=name)
            self.sure, self.all = (self.add_weight(initializer="zeros") for _ in range(2))
            self.least = least

        def update_state(self, y_true, y_pred, sample_weight=None):
            most = ops.cast(ops.max(y_pred, axis=-1), "float32")
            self.sure.assign_add(ops.sum(ops.cast(most > self.least, "float32")))
            self.all.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

        def result(self):
            return self.sure / self.all

    def surer():
        return Sure(least=0.9)

    class Falls(keras.callbacks.Callback):
        def __init__(self, by):
            super().__init__()
            self.by, self.ends = by, 0

        def on_epoch_end(self, epoch, logs=None):
            logs["val_fall"] = self.by * (epoch + 1)
            if {where} and epoch == {where}:
                raise LookupError("no such thing")

    def make(trial):
        by = trial.suggest_float("by", 0.5, 1.5)
        stops = keras.callbacks.EarlyStopping(patience=2, min_delta=0.5)
        return [Falls(by), keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=1.0), stops]

    def holds():
        class Holds(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                self.file = open("/dev/null")
        return Holds()

    wrong = 3
"""
FOUR = {
    "loss": "mine.py:focal",
    "metrics": ["accuracy", "mine.py:profit", "mine.py:Sure", "mine.py:surer"],
    "callbacks": "mine.py:make",
}
RANKED = {"objective": "mine.py:profit", "direction": "maximize"}
EVERY_EPOCH = {"epochs": 5, "checkpoint_every_s": 0, "patience": "none"}


@pytest.fixture
def own(studio):
    """Makes a study whose file names what mine.py holds."""

    def make(where=0, **changes):
        (studio.folder / "beside.py").write_text("WORTH = 2.0\n")
        (studio.folder / "mine.py").write_text(textwrap.dedent(MINE.replace("{where}", str(where))))
        return studio.study(**changes)

    return make


def written(studio, **changes):
    """The study file and its path, with mine.py beside it."""
    (studio.folder / "beside.py").write_text("WORTH = 2.0\n")
    (studio.folder / "mine.py").write_text(textwrap.dedent(MINE.replace("{where}", "0")))
    path = studio.write(**changes)
    return config.load(path), path


def histories(studio, study):
    trials = records.trials(studio.db, study)
    return [[row["metrics"] for row in records.history(studio.db, t.trial_id)] for t in trials]


def test_all_four_are_recorded_rank_and_prove(studio, own):
    study = own(study={"trials": 2, **RANKED}, training={**FOUR, "epochs": 3})
    assert studio.finish(study) == [Outcome.COMPLETE] * 2
    trials, seen = records.trials(studio.db, study), histories(studio, study)
    for trial, epochs in zip(trials, seen, strict=True):
        assert trial.value == max(each["val_profit"] for each in epochs)
        assert 0.5 <= trial.params["by"] <= 1.5
        assert [each["val_fall"] for each in epochs] == pytest.approx(
            [trial.params["by"] * (at + 1) for at in range(len(epochs))]
        )
        for each in epochs:
            # accuracy of profit: 2 for a hit, -1 for a miss
            assert each["val_profit"] == pytest.approx(3 * each["val_accuracy"] - 1, abs=1e-5)
            assert 0 <= each["val_surer"] <= each["val_Sure"] <= 1
    card = proof.finish(studio.db, study)
    assert card["proven"] and card["value"] == max(t.value for t in trials)
    (best,) = [t for t in trials if t.number == card["trial"]]
    found = replay.replay(studio.db, study, studio.worker(study).context.plan, best.number)
    assert found.largest == 0.0


def test_the_value_is_the_loss_of_the_users_own(studio, own):
    study = own(study={"trials": 1}, training={"loss": "mine.py:focal", "epochs": 3})
    studio.finish(study)
    (trial,) = records.trials(studio.db, study)
    plan = studio.worker(study).context.plan
    y = plan.data.validation.y
    model = proof.finish(studio.db, study)
    assert model["proven"] and model["value"] == trial.value
    objects = record.objects(study)
    import keras

    loaded = keras.models.load_model(objects.path(trial.attributes["model"]), compile=False)
    right = loaded.predict(plan.data.validation.x, verbose=0)[np.arange(len(y)), y]
    by_hand = np.mean(-((1 - right) ** 2) * np.log(right + 1e-7))
    assert trial.value == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("folds", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_handed_back_and_continued_it_equals_one_never_stopped(studio, own, folds):
    changes = {"data": {"folds": folds}, "training": {**FOUR, **EVERY_EPOCH}}
    whole = own(study={"name": "whole", "trials": 1}, **changes)
    broken = own(study={"name": "broken", "trials": 1}, **changes)
    assert studio.finish(whole) == [Outcome.COMPLETE]
    for epochs in [1] * folds:
        objective = studio.worker(broken, StopAfter(epochs + 1))
        assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    assert studio.finish(broken) == [Outcome.COMPLETE]
    assert histories(studio, broken) == histories(studio, whole)
    assert (
        histories(studio, whole)[0][-1]["learning_rate"]
        < histories(studio, whole)[0][0]["learning_rate"]
    )
    (one,), (other,) = (records.trials(studio.db, each) for each in (whole, broken))
    assert one.value == other.value
    assert one.attributes["stopped"] == other.attributes["stopped"] == "by its callbacks"


@pytest.mark.slow
def test_what_no_checkpoint_holds_begins_anew_and_is_said(studio, own, caplog):
    study = own(study={"trials": 1}, training={**EVERY_EPOCH, "callbacks": "mine.py:holds"})
    objective = studio.worker(study, StopAfter(3))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    before = histories(studio, study)[0]
    assert studio.finish(study) == [Outcome.COMPLETE]
    assert (
        "trial 0 restarts: its checkpoint can't be used: it does not hold the call" in caplog.text
    )
    assert histories(studio, study)[0][: len(before)] == before
    assert len(histories(studio, study)[0]) == 5


def test_a_callback_that_fails_costs_its_trial_only(studio, own):
    study = own(where=1, study={"trials": 2}, training={**FOUR, "epochs": 3})
    objective = studio.worker(study)
    claim = objective.context.store.claim()
    assert objective.run(claim) is Outcome.FAILED
    assert studio.worker(study).context.store.claim() is not None
    trial = records.trials(studio.db, study)[0]
    assert (
        '[training] callbacks: received "mine.py:make" (mine.py, line '
        in trial.attributes["reason"]
    )
    assert trial.attributes["reason"].endswith("LookupError: no such thing)")


def test_a_metric_that_callbacks_add_may_be_an_objective(studio, own):
    several = {"objective": ["fall", "mine.py:Sure"], "direction": ["minimize", "maximize"]}
    study = own(study={"trials": 1, **several}, training={**FOUR, "epochs": 2})
    assert [*study.directions] == ["minimize", "maximize"]
    studio.finish(study)
    (trial,) = records.trials(studio.db, study)
    assert trial.value == pytest.approx(trial.params["by"])
    assert set(trial.attributes["objectives"]) == {"fall", "mine.py:Sure"}


@pytest.mark.parametrize("folds", [1, 3])
def test_what_only_callbacks_measure_is_proven_by_the_loss_of_that_epoch(studio, own, folds):
    way = {"objective": "fall", "direction": "maximize"}
    training = {"callbacks": "mine.py:make", "epochs": 2}
    study = own(study={"trials": 1, **way}, data={"folds": folds}, training=training)
    studio.finish(study)
    card = proof.finish(studio.db, study)
    rows = records.history(studio.db, records.trials(studio.db, study)[0].trial_id)
    last = rows[-1]["metrics"]
    assert (card["proof"]["proven"], card["proof"]["objective"]) == (True, "validation loss")
    assert card["proof"]["recorded"] == last["val_loss"] != card["value"]
    assert card["test"]["scores"]["samples"]
    found = best.read(studio.db, study)
    said = "compared is the validation loss, since only callbacks of the training measure fall"
    assert any(said in each for each in best.to_json(found)["outcome"]["trust"])


def test_beside_a_builder_that_compiles_they_are_refused_but_callbacks(studio):
    code = """
        import keras

        def build(trial, input_shape, outputs):
            last = keras.layers.Dense(outputs, "softmax")
            model = keras.Sequential([keras.Input(input_shape), last])
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

        def profit(y_true, y_pred):
            return y_pred

        def make():
            return keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: logs.update(val_e=e))
    """
    bare = {"width": None, "learning_rate": None}
    (studio.folder / "mine.py").write_text(textwrap.dedent(code))
    for key, changes in {
        "[training] loss": {"training": {"loss": "mine.py:profit"}},
        "[training] metrics": {"training": {"metrics": ["mine.py:profit"]}},
        "[study] objective": {"study": {"objective": "mine.py:profit", "direction": "maximize"}},
    }.items():
        path = studio.write(model={"family": "mine.py:build"}, space=bare, **changes)
        file = config.load(path)
        with pytest.raises(UserCodeError) as said:
            inspection.inspect(file, path, tried=round_trip.refuse)
        line = str(said.value)
        assert (
            line.startswith(f'study.toml: {key}: received "mine.py:profit" (') and "\n" not in line
        )
        assert '"mine.py:build" compiles its models' in line
    study = studio.study(
        code, study={"trials": 1}, space=bare, training={"callbacks": "mine.py:make", "epochs": 2}
    )
    studio.finish(study)
    assert [each["val_e"] for each in histories(studio, study)[0]] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"loss": "nowhere.py:focal"}, "there is no file"),
        ({"loss": "mine.py:focall"}, 'mine.py has no function "focall"'),
        ({"loss": "mine.py:make"}, r"takes \(trial\)"),
        ({"metrics": ["mine.py:make"]}, r"takes \(trial\)"),
        ({"callbacks": "mine.py:focal"}, r"takes \(y_true, y_pred\)"),
    ],
)
def test_a_glance_finds_what_is_not_there_without_running_it(studio, training, said):
    file, path = written(studio, training=training)
    (studio.folder / "mine.py").write_text(
        textwrap.dedent(MINE.replace("{where}", "0")) + "\nraise SystemExit('it was run')\n"
    )
    key, (named,) = next(iter(training)), [next(iter(training.values()))]
    with pytest.raises(ConfigError, match=said) as error:
        inspection.glance(file, path)
    (line,) = error.value.problems
    wanted = named if isinstance(named, str) else named[0]
    assert line.startswith(f'study.toml: [training] {key}: received "{wanted}" (')


@pytest.mark.parametrize(
    ("code", "training", "said"),
    [
        ("it = 3", {"loss": "it.py:it"}, "it is a value of type int"),
        ("def it(y, p): pass", {"loss": "it.py:it"}, "it returned nothing"),
        ("def it(y, p): return p * float('nan')", {"loss": "it.py:it"}, "it returned NaN"),
        ("def it(y, p): raise KeyError('x')", {"metrics": ["it.py:it"]}, "it.py, line 1: KeyError"),
        ("def it(): return 3", {"metrics": ["it.py:it"]}, "it returned a value of type int"),
        ("def it(): return 3", {"callbacks": "it.py:it"}, "it returned a value of type int"),
        ("def it(): 1 / 0", {"callbacks": "it.py:it"}, "it.py, line 1: ZeroDivisionError"),
        (
            "def it(trial): trial.suggest_float('momentum', 0.1, 0.2); return []",
            {"callbacks": "it.py:it"},
            "it asks for momentum, which the model has already",
        ),
        ("it = None", {"callbacks": "it.py:it"}, "it is nothing"),
    ],
)
def test_check_finds_what_is_no_loss_metric_or_callback(studio, code, training, said):
    (studio.folder / "it.py").write_text(code)
    path = studio.write(training=training)
    for look in (
        lambda: inspection.inspect(config.load(path), path, tried=round_trip.refuse),
        lambda: [*check.report(config.load(path), path)],
    ):
        with pytest.raises(UserCodeError) as error:
            look()
        line = str(error.value)
        assert line.startswith(
            f'study.toml: [training] {next(iter(training))}: received "it.py:it" ('
        )
        assert said in line and "\n" not in line


def test_files_and_what_they_import_are_fingerprinted(studio, own):
    study = own(training=FOUR)
    known = record.stored(study).inspection.code
    assert {*known} == {"mine.py", "beside.py"}
    (studio.folder / "beside.py").write_text("WORTH = 3.0\n")
    with pytest.raises(ConfigError, match=r"beside.py: received a file with SHA-256"):
        studio.worker(study)
