"""Trials as a worker runs them: real models, the real store; what ends one, and how it is told."""

import dataclasses
import math
import re
import shutil

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from studyhall.search.data import loading
from studyhall.search.display import show
from studyhall.search.process import device_memory, recycling
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.study import record
from studyhall.search.trial import time_limit, trainings
from studyhall.search.trial.context import Outcome
from studyhall.search.trial.seeds import trial_seed
from studyhall.storage.leases.silence import Terms
from studyhall.storage.queries import records, status
from studyhall.storage.trials.claimed_trial import Claim
from tests.stop_after import StopAfter

pytestmark = pytest.mark.part(17)

LONG = {"epochs": 6, "patience": "none"}
DENSE = """
    import keras

    def build(trial, input_shape, outputs):
        {line}
        return keras.Sequential([
            keras.Input(input_shape), keras.layers.Dense(outputs, activation="softmax")
        ])
"""


def trials(studio, study):
    return records.trials(studio.db, study)


def curve(studio, trial):
    """Fold, epoch, value and every measure but time, of each epoch."""
    rows = records.history(studio.db, trial.trial_id)
    return [(row["fold"], row["epoch"], row["value"], row["metrics"]) for row in rows]


# What a trial leaves behind


def test_a_complete_trial(studio):
    study = studio.study(training={"epochs": 5})
    assert studio.finish(study) == [Outcome.COMPLETE] * 2
    first, second = trials(studio, study)
    assert first.params == {"learning_rate": 1e-3}  # the textbook's
    rows = curve(studio, first)
    assert [epoch for _, epoch, _, _ in rows] == [1, 2, 3, 4, 5]
    assert first.value == min(value for _, _, value, _ in rows)
    assert rows[first.best_epoch - 1][2] == first.value
    for _, _, value, metrics in rows:
        assert metrics["val_loss"] == value and 0 <= metrics["val_accuracy"] <= 1
        assert {"loss", "accuracy", "keras_loss", "keras_val_loss", "learning_rate"} <= set(metrics)
    assert first.attributes["stopped"] == "epochs"
    assert first.attributes["values"]["width"] == 4
    assert first.attributes["metrics"] == rows[first.best_epoch - 1][3]
    assert {"wait", "build", "trace", "train", "validate", "store"} <= set(
        first.attributes["seconds"]
    )
    assert first.attributes["seed"] == trial_seed(0, 0) != second.attributes["seed"]


def test_the_value_is_without_penalties(studio):
    study = studio.study(study={"trials": 1}, space={"l2": 0.01})
    studio.finish(study)
    (trial,) = trials(studio, study)
    metrics = trial.attributes["metrics"]
    assert metrics["keras_val_loss"] > metrics["val_loss"] + 0.001
    assert trial.value == metrics["val_loss"]


def test_only_the_best_trials_model_is_kept(studio):
    study = studio.study(study={"trials": 5})
    studio.finish(study)
    found = trials(studio, study)
    best = min(found, key=lambda trial: trial.value)
    objects = record.objects(study)
    assert [stored.name for stored in objects.objects()] == [best.attributes["model"]]
    assert objects.sha256(best.attributes["model"]) == best.attributes["model_sha256"]
    model = keras.models.load_model(objects.path(best.attributes["model"]))
    centimetres = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)
    assert model.predict(centimetres, verbose=0).sum() == pytest.approx(1)


def test_of_equal_trials_the_model_of_the_first_is_kept(studio, monkeypatch):
    """As the database names it the best, though it ended later."""
    study = studio.study(space={"learning_rate": 1e-30}, search={"first": "none"})
    one, other = studio.worker(study), studio.worker(study)
    first, second = one.context.store.claim(), other.context.store.claim()
    for objective, claim in ((other, second), (one, first)):
        monkeypatch.setattr(
            "studyhall.search.trial.part_models.trial_seed", lambda *_: 1
        )  # of equal weights
        assert objective.run(claim) is Outcome.COMPLETE
    found = trials(studio, study)
    assert found[0].value == found[1].value
    winner = status.status(studio.db, study).incumbent
    assert winner.number == 0
    assert record.objects(study).path(winner.attributes["model"]).is_file()


def test_two_studies_of_one_seed_are_equal(studio):
    space = {"width": {"low": 4, "high": 8}, "dropout": {"low": 0.0, "high": 0.5}}
    one, other = (studio.study(study={"name": name}, space=space) for name in ("one", "other"))
    for study in (one, other):
        studio.finish(study)
    values = [[(t.value, t.params) for t in trials(studio, study)] for study in (one, other)]
    assert values[0] == values[1]


def test_another_seed_gives_other_trials(studio):
    values = []
    for seed in (0, 1):
        study = studio.study(study={"name": f"s{seed}", "seed": seed})
        studio.finish(study)
        values.append([trial.value for trial in trials(studio, study)])
    assert set(values[0]).isdisjoint(values[1])


# Folds


def test_the_value_of_folds_is_their_mean(studio):
    study = studio.study(study={"trials": 1}, data={"folds": 3}, training=LONG)
    studio.finish(study)
    (trial,) = trials(studio, study)
    rows = curve(studio, trial)
    assert [(fold, epoch) for fold, epoch, _, _ in rows] == [
        (fold, epoch) for fold in range(3) for epoch in range(1, 7)
    ]
    best = [min(m["val_loss"] for f, _, _, m in rows if f == fold) for fold in range(3)]
    assert trial.attributes["folds"] == pytest.approx(best)
    assert trial.value == pytest.approx(np.mean(best))
    assert trial.attributes["standard_error"] == pytest.approx(np.std(best, ddof=1) / math.sqrt(3))
    assert trial.attributes["model_fold"] == 2
    at_best = [min((m["val_loss"], e, m) for f, e, _, m in rows if f == fold) for fold in range(3)]
    assert trial.attributes["best_epochs"] == [epoch for _, epoch, _ in at_best]
    assert trial.attributes["metrics"]["loss"] == pytest.approx(
        np.mean([metrics["loss"] for *_, metrics in at_best])
    )
    assert (trial.best_epoch, trial.epochs) == (None, 18)
    (_, _, bests) = show.finished_line(trial, status.status(studio.db, study), 1).partition("in 18")
    first, second, third = (epoch for _, epoch, _ in at_best)
    expected = f" epochs of 3 trainings, the best of each being {first}, {second} and {third}"
    assert bests.startswith(expected)


@pytest.mark.parametrize("cut", [3, 9, 15], ids=["first fold", "second fold", "third fold"])
def test_folds_continue_where_they_were_left(studio, cut):
    whole, broken = (
        studio.study(study={"name": n, "trials": 1}, data={"folds": 3}, training=LONG)
        for n in ("whole", "broken")
    )
    studio.finish(whole)
    objective = studio.worker(broken, StopAfter(cut))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    assert studio.finish(broken) == [Outcome.COMPLETE]
    (one,), (other,) = trials(studio, whole), trials(studio, broken)
    assert (other.value, other.attempt, other.repeated_epochs) == (one.value, 2, 0)
    assert curve(studio, other) == curve(studio, one)
    assert other.attributes["folds"] == one.attributes["folds"]


def test_every_sample_is_predicted_by_a_fold_that_was_not_trained_on_it(studio):
    """It holds wherever the trial was cut; the study keeps the predictions of its best trials."""
    data = {"folds": 3, "samples": 100}
    study = studio.study(study={"trials": 2}, data=data, training=LONG)
    objective = studio.worker(study, StopAfter(9))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    studio.finish(study)
    best = min(trials(studio, study), key=lambda trial: trial.value)
    objects = record.objects(study)
    assert sorted(each.kind for each in objects.objects()) == ["model", *2 * ["predictions"]]
    plan, name = objective.context.plan, best.attributes["predictions"]
    with np.load(objects.path(name)) as found:
        samples, folds, predicted = found["sample"], found["fold"], found["predictions"]
        assert np.array_equal(load_iris().target[samples], found["targets"])
    losses = -np.log(predicted[np.arange(len(predicted)), plan.data.split.pool.y])
    by_fold = [float(losses[folds == fold].mean()) for fold in range(3)]
    assert by_fold == pytest.approx(best.attributes["folds"], rel=1e-5)
    last = keras.models.load_model(objects.path(best.attributes["model"]))
    own = last.predict(plan.data.folds[2].validation.x, verbose=0)
    assert predicted[plan.data.folds[2].validation_rows] == pytest.approx(own, abs=1e-5)


def test_a_trial_is_pruned_between_its_folds(studio):
    study = studio.study(
        study={"trials": 4},
        data={"folds": 5},
        training={"epochs": 1},
        search={"pruner": "wilcoxon", "first": "none", "sampler": "grid"},
        space={"learning_rate": [0.1, 1e-9], "optimizer": "adam"},
    )
    outcomes = studio.finish(study)
    pruned = [trial for trial in trials(studio, study) if trial.state == "PRUNED"]
    assert Outcome.PRUNED in outcomes
    # The signed-rank test has its first p-value below 0.1 after four folds.
    assert {len(curve(studio, trial)) for trial in pruned} == {4}
    for trial in pruned:
        values = [metrics["val_loss"] for _, _, _, metrics in curve(studio, trial)]
        assert trial.value == pytest.approx(np.mean(values))


# Repeats


@pytest.mark.parametrize("cut", [3, 9], ids=["first repeat", "second repeat"])
def test_the_value_of_repeats_is_their_mean_wherever_they_were_cut(studio, cut):
    whole, broken = (
        studio.study(study={"name": n, "trials": 1}, training={**LONG, "repeats": 2})
        for n in ("whole", "broken")
    )
    studio.finish(whole)
    objective = studio.worker(broken, StopAfter(cut))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    assert studio.finish(broken) == [Outcome.COMPLETE]
    (one,), (other,) = trials(studio, whole), trials(studio, broken)
    best = [min(m["val_loss"] for f, _, _, m in curve(studio, one) if f == n) for n in range(2)]
    assert best[0] != best[1]
    assert one.attributes["repeats"] == pytest.approx(best)
    assert one.value == pytest.approx(np.mean(best))
    assert one.attributes["standard_error"] == pytest.approx(np.std(best, ddof=1) / math.sqrt(2))
    assert (one.attributes["model_repeat"], one.attributes["model_value"]) == (1, best[1])
    assert (other.value, other.attempt, other.repeated_epochs) == (one.value, 2, 0)
    assert curve(studio, other) == curve(studio, one)


def test_repeats_of_folds_have_a_mean_for_each(studio):
    training = {"epochs": 2, "repeats": 2}
    study = studio.study(study={"trials": 1}, data={"folds": 3}, training=training)
    studio.finish(study)
    (trial,) = trials(studio, study)
    rows = curve(studio, trial)
    values = np.array([min(v["val_loss"] for f, _, _, v in rows if f == n) for n in range(6)])
    assert trial.attributes["repeats"] == pytest.approx(values.reshape(2, 3).mean(axis=1))
    assert trial.attributes["folds"] == pytest.approx(values.reshape(2, 3).mean(axis=0))
    assert trial.value == pytest.approx(values.mean())


def test_a_trial_is_pruned_in_its_second_repeat(studio):
    """As what is reported there is the mean over both."""
    search = {"pruner": "median", "pruner_startup_trials": 1, "pruner_warmup_epochs": 3}
    study = studio.study(
        study={"trials": 4},
        training={"epochs": 2, "repeats": 2},
        search={**search, "first": "none", "sampler": "grid"},
        space={"learning_rate": [0.1, 1e-9], "optimizer": "adam"},
    )
    assert Outcome.PRUNED in studio.finish(study)
    pruned = [trial for trial in trials(studio, study) if trial.state == "PRUNED"]
    assert {curve(studio, trial)[-1][:2] for trial in pruned} == {(1, 1)}


def test_each_repeat_has_a_seed_of_its_own():
    seeds = [trial_seed(0, number, repeat) for number in range(20) for repeat in range(3)]
    assert len({*seeds}) == 60
    assert [trial_seed(0, number) for number in range(20)] == seeds[::3]


# Continuing


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_trial_handed_back_continues_to_the_last_bit(studio, engine):
    training = {**LONG, "engine": engine, "patience": 3}
    space = {"width": 8, "dropout": 0.3, "optimizer": "nesterov", "decay": "plateau"}
    whole, broken = (
        studio.study(study={"name": n, "trials": 1}, training=training, space=space)
        for n in ("whole", "broken")
    )
    studio.finish(whole)
    for stop in (2, 2):
        objective = studio.worker(broken, StopAfter(stop))
        assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    studio.finish(broken)
    (one,), (other,) = trials(studio, whole), trials(studio, broken)
    assert (other.value, other.attempt, other.repeated_epochs) == (one.value, 3, 0)
    assert curve(studio, other) == curve(studio, one)
    assert [s.name[:6] for s in record.objects(broken).objects()] == ["model-"]


def damaged(blob, how):
    line, _, rest = blob.partition(b"\n")
    return {
        "first line": b"x" + blob[1:],
        "progress": line.replace(b"[]", b"[1.5]") + b"\n" + rest,
        "body": blob[:-7] + bytes([blob[-7] ^ 1]) + blob[-6:],
        "cut off": blob[: len(blob) // 2],
        "empty": b"",
        "gone": None,
    }[how]


@pytest.mark.parametrize("how", ["first line", "progress", "body", "cut off", "empty", "gone"])
def test_with_a_damaged_checkpoint_the_trial_begins_again(studio, caplog, how):
    study = studio.study(study={"trials": 1}, training=LONG)
    objective = studio.worker(study, StopAfter(3))
    objective.run(objective.context.store.claim())
    objects = record.objects(study)
    path = objects.path(objects.objects()[0].name)
    content = damaged(path.read_bytes(), how)
    path.unlink() if content is None else path.write_bytes(content)
    before = curve(studio, trials(studio, study)[0])
    assert studio.finish(study) == [Outcome.COMPLETE]
    assert "trial 0 restarts: its checkpoint can't be used" in caplog.text
    (trial,) = trials(studio, study)
    assert (trial.number, trial.attempt) == (0, 2)
    after = curve(studio, trial)
    assert after[:3] == before and len(after) == 6


def test_a_checkpoint_is_written_when_it_is_due(studio, monkeypatch):
    """A worker that dies leaves its last one behind; the next goes on from there."""
    training = {**LONG, "checkpoint_every_s": 0, "checkpoint_every_epochs": 2}
    study = studio.study(study={"trials": 1}, training=training)
    objective = studio.worker(study)
    store = objective.context.store
    report = store.report

    def die_at_six(claim, epoch, *others, **named):
        if epoch == 6:
            raise KeyboardInterrupt
        return report(claim, epoch, *others, **named)

    monkeypatch.setattr(store, "report", die_at_six)
    monkeypatch.setattr(store, "release", lambda claim: None)  # as if killed
    with pytest.raises(KeyboardInterrupt):
        objective.run(store.claim())
    (running,) = status.status(studio.db, study).running
    objects = record.objects(study)
    assert [stored.name for stored in objects.objects()] == [running.checkpoint]
    assert running.epoch == 5 and running.held


# Ends


def test_a_pruned_trial_has_its_best_epochs_value(studio):
    study = studio.study(
        study={"trials": 3},
        training={"epochs": 8},
        search={"pruner": "median", "pruner_startup_trials": 1, "first": "none"},
        space={"learning_rate": [0.1, 1e-9], "optimizer": "adam"},
    )
    outcomes = studio.finish(study)
    found = trials(studio, study)
    pruned = [trial for trial in found if trial.state == "PRUNED"]
    assert Outcome.PRUNED in outcomes and pruned
    for trial in pruned:
        assert trial.epochs < 8
        assert trial.value == min(value for _, _, value, _ in curve(studio, trial))


def test_a_fixed_trial_is_trained_to_its_end_however_poor_it_is(studio):
    study = studio.study(
        study={"trials": 3},
        training={"epochs": 8},
        search={"pruner": "median", "pruner_startup_trials": 1, "first": "none"},
        space={"learning_rate": [0.1, 1e-9]},
        trials=[{"learning_rate": 0.1}, {"name": "poor", "learning_rate": 1e-9}],
    )
    studio.finish(study)
    found = trials(studio, study)[:2]
    assert [(trial.state, trial.epochs) for trial in found] == [("COMPLETE", 8)] * 2
    assert [trial.params["learning_rate"] for trial in found] == [0.1, 1e-9]
    assert [trial.attributes.get("name") for trial in found] == [None, "poor"]


def test_a_diverging_trial_fails_at_once(studio):
    study = studio.study(
        study={"trials": 1},
        search={"first": "none"},
        space={"optimizer": "sgd", "learning_rate": 1e30, "activation": "relu"},
        training={"epochs": 50, "patience": "none"},
    )
    assert studio.finish(study) == [Outcome.FAILED]
    (trial,) = trials(studio, study)
    assert trial.state == "FAIL" and trial.value is None and trial.epochs <= 2
    assert "the validation loss was no finite number at epoch" in trial.attributes["reason"]


def test_a_model_that_cannot_be_built_fails_with_the_reason(studio):
    study = studio.study(model={"family": "cnn"}, space={"width": None})
    objective = studio.worker(study)
    assert objective.run(objective.context.store.claim()) is Outcome.FAILED
    assert 'family = "cnn" needs images' in objective.last_reason
    assert trials(studio, study)[0].attributes["reason"] == objective.last_reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("return keras.Sequential([keras.layers.Flatten()])", "gives outputs of shape"),
        ("return None", "build returned nothing (is its return missing?)"),
        ("trial.suggest_int('units', 5, 1)", "ValueError: `low <= high` must hold"),
        ("trial.suggest_float('batch_size', 0.1, 0.2)", "asks for batch_size = 0.1"),
    ],
)
def test_what_the_users_builder_does_wrong(studio, line, reason):
    study = studio.study(DENSE.format(line=line), space={"width": None, "learning_rate": 0.1})
    objective = studio.worker(study)
    assert objective.run(objective.context.store.claim()) is Outcome.FAILED
    assert reason in objective.last_reason, objective.last_reason
    assert trials(studio, study)[0].state == "FAIL"


UNTRAINABLE = """
    import keras

    def build(trial, input_shape, outputs):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(7)])
        model.compile("adam", {loss})
        return model
"""


@pytest.mark.parametrize("loss", ["'mse'", "lambda y, p: 1 / 0", "'nonsense'"])
def test_a_model_of_the_users_that_fails_in_training(studio, caplog, loss):
    code = UNTRAINABLE.format(loss=loss)
    study = studio.study(code, space={"width": None, "learning_rate": None})
    assert studio.finish(study) == [Outcome.FAILED] * 2
    first, second = trials(studio, study)
    assert first.attributes["reason"] == second.attributes["reason"]
    assert caplog.text.count("Traceback") <= 1  # one for trials that fail alike


def test_the_users_builder_may_prune(studio):
    """As Optuna's users do; the sampler learns from it, and nothing has failed."""
    line = "if trial.number in (1, 2): raise __import__('optuna').TrialPruned('too large')"
    study = studio.study(
        DENSE.format(line=line), study={"trials": 5}, search={"startup_trials": 1},
        space={"width": None},
    )  # fmt: skip
    assert studio.finish(study).count(Outcome.PRUNED) == 2
    found = trials(studio, study)
    assert [trial.state for trial in found] == [
        "COMPLETE", "PRUNED", "PRUNED", "COMPLETE", "COMPLETE"
    ]  # fmt: skip
    assert found[1].value is None and found[1].attributes["reason"] == "too large"


def test_a_bug_hands_the_trial_back(studio, monkeypatch):
    study = studio.study(study={"trials": 1})
    objective = studio.worker(study)
    monkeypatch.setattr("studyhall.search.trial.part_models.modelling.build", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        objective.run(objective.context.store.claim())
    (running,) = status.status(studio.db, study).running
    assert not running.held


def test_told_twice_the_trial_is_handed_back_at_once(studio, monkeypatch):
    study = studio.study(study={"trials": 1}, training=LONG)
    objective = studio.worker(study)

    def told_twice(claim, epoch):
        raise StopNow

    monkeypatch.setattr(objective.context.store, "should_prune", told_twice)
    with pytest.raises(StopNow):
        objective.run(objective.context.store.claim())
    (running,) = status.status(studio.db, study).running
    assert (running.held, running.checkpoint, running.epoch) == (False, None, 1)
    monkeypatch.undo()
    assert studio.finish(study) == [Outcome.COMPLETE]


def test_a_trial_that_somebody_else_took_is_dropped(studio, monkeypatch):
    """Its worker was silent for too long: it writes nothing, and goes on with the next."""
    study = studio.study(study={"trials": 1}, training=LONG)
    slow = studio.worker(study)
    claim = slow.context.store.claim()
    slow.context.store._holding.heartbeat.stop()
    quick = studio.worker(study)
    monkeypatch.setattr(quick.context.store, "_terms", Terms(0.0, 3, 0.0))
    taken = quick.context.store.claim()
    assert isinstance(taken, Claim) and taken.number == claim.number
    assert slow.run(claim) is Outcome.LOST
    assert quick.run(taken) is Outcome.COMPLETE
    (trial,) = trials(studio, study)
    assert (trial.attempt, trial.state, trial.epochs) == (2, "COMPLETE", 6)


def test_a_full_disk_costs_the_checkpoint_not_the_trial(studio, caplog):
    study = studio.study(study={"trials": 1}, training={**LONG, "checkpoint_every_s": 0})
    objective = studio.worker(study)
    folder = record.objects(study).root
    shutil.rmtree(folder)
    folder.write_text("in the way")
    assert objective.run(objective.context.store.claim()) is Outcome.COMPLETE
    assert "trial 0: can't write a checkpoint: " in caplog.text
    assert "trial 0: can't save its model: " in caplog.text
    (trial,) = trials(studio, study)
    assert trial.value is not None and "Not a directory" in trial.attributes["model_error"]


def test_a_class_without_configuration_trains_all_the_same(studio, caplog):
    code = """
        import keras

        class Applied(keras.layers.Layer):
            def __init__(self, function):
                super().__init__()
                self.function = function
            def call(self, x):
                return self.function(x)

        def build(trial, input_shape, outputs):
            return keras.Sequential([
                keras.Input(input_shape), Applied(lambda x: 2 * x),
                keras.layers.Dense(outputs, "softmax"),
            ])
    """
    study = studio.study(code, space={"width": None})
    assert studio.finish(study) == [Outcome.COMPLETE] * 2
    best = min(trials(studio, study), key=lambda trial: trial.value)
    assert best.attributes["model"].endswith(".h5")  # its weights, for what its builder makes anew


def test_a_class_that_keras_cannot_save(studio, caplog):
    code = """
        import keras

        class Twice(keras.layers.Layer):
            def call(self, x):
                return 2 * x
            def save_own_variables(self, store):
                raise ValueError("too secret to be saved")

        def build(trial, input_shape, outputs):
            return keras.Sequential([
                keras.Input(input_shape), Twice(), keras.layers.Dense(outputs, "softmax"),
            ])
    """
    study = studio.study(code, study={"trials": 1}, space={"width": None})
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = trials(studio, study)
    assert trial.value is not None
    assert trial.attributes["model_error"] == "too secret to be saved"
    assert "trial 0: can't save its model: " in caplog.text


# Out of memory

GREEDY = """
    import keras

    def ask(*_):
        raise MemoryError("8 GB")

    def build(trial, input_shape, outputs):
        units = trial.suggest_int("units", 4, 8)
        {builder}
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(units)])
        {training}
        return model
"""


@pytest.mark.parametrize(
    ("code", "size"),
    [
        ({"builder": "ask()", "training": ""}, "before its model was built"),
        (
            {"builder": "", "training": "model.compile('sgd', ask)"},
            r"\d+ parameters, 32 samples per batch",
        ),
    ],
    ids=["builder", "training"],
)
def test_out_of_memory_is_tried_once_more_and_then_fails(studio, code, size):
    """On a fresh process; the second time samplers learn that it can't be done."""
    study = studio.study(
        GREEDY.format(**code), study={"trials": 1},
        space={"width": None, "learning_rate": None}, training={"engine": "keras"},
    )  # fmt: skip
    for failures, outcome in ((1, Outcome.HANDED_BACK), (2, Outcome.FAILED)):
        stop = Stop()
        objective = studio.worker(study, stop)
        claim = objective.context.store.claim()
        assert objective.run(claim) is outcome
        assert stop.code == (recycling.EXIT_CODE if failures == 1 else 0)
    (trial,) = trials(studio, study)
    assert (trial.state, trial.attempt, trial.attributes["stopped"]) == ("FAIL", 2, "out of memory")
    assert re.match(f"out of memory, 2 times: {size}; ", trial.attributes["reason"])
    assert set(trial.params) == {"units"}  # so that samplers avoid the like
    assert status.status(studio.db, study).out_of_memory.trials == 1


@pytest.mark.parametrize(("mib", "outcome"), [(8100, Outcome.FAILED), (9000, Outcome.HANDED_BACK)])
def test_a_second_time_it_is_left_to_a_worker_with_more_memory(studio, monkeypatch, mib, outcome):
    code = GREEDY.format(builder="ask()", training="")
    study = studio.study(code, study={"trials": 1}, space={"width": None, "learning_rate": None})
    monkeypatch.setenv(device_memory.DECLARED, "8000")
    studio.colleague(study, mib)
    stop = Stop()
    for expected in (Outcome.HANDED_BACK, outcome):
        objective = studio.worker(study, stop)
        assert objective.run(objective.context.store.claim()) is expected
    assert stop.code == recycling.EXIT_CODE
    assert status.status(studio.db, study).left == (outcome is Outcome.HANDED_BACK)


# Time


def test_a_trial_whose_time_is_up_has_its_best_epochs_value(studio):
    training = {"epochs": 100_000, "patience": "none", "trial_minutes": 0.02}
    study = studio.study(study={"trials": 1}, training=training)
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = trials(studio, study)
    values = [value for _, _, value, _ in curve(studio, trial)]
    assert trial.attributes["stopped"] == "time" and len(values) == trial.epochs < 100_000
    assert trial.value == min(values) == values[trial.best_epoch - 1]
    assert trial.attributes["model_value"] == trial.value
    model = keras.models.load_model(record.objects(study).path(trial.attributes["model"]))
    part = loading.load(record.stored(study).file.data, seed=0, folder=studio.folder).validation
    predicted = model.predict(part.x, verbose=0)
    loss = -np.log(predicted[np.arange(len(predicted)), part.y]).mean()
    assert loss == pytest.approx(trial.value, rel=1e-4)


def test_each_fold_has_its_share_of_the_time(studio):
    training = {"epochs": 100_000, "patience": "none", "trial_minutes": 0.02}
    study = studio.study(study={"trials": 1}, data={"folds": 3}, training=training)
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = trials(studio, study)
    assert {fold for fold, _, _, _ in curve(studio, trial)} == {0, 1, 2}
    assert len(trial.attributes["folds"]) == 3 and trial.attributes["stopped"] == "time"


def test_the_time_of_earlier_workers_counts(studio):
    training = {"epochs": 100_000, "patience": "none", "trial_minutes": 0.02}
    study = studio.study(study={"trials": 1}, training=training)
    first = studio.worker(study, StopAfter(2))
    assert first.run(first.context.store.claim()) is Outcome.HANDED_BACK
    (stored,) = record.objects(study).objects()
    progress, blob, _ = trainings.read(record.objects(study).read(stored.name))
    assert 0 < progress.spent_s < 60
    later = trainings.write(dataclasses.replace(progress, spent_s=1000.0), blob)
    record.objects(study).path(stored.name).write_bytes(later)
    before = trials(studio, study)[0].epochs
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = trials(studio, study)
    assert trial.attributes["stopped"] == "time" and trial.epochs < before + 100


HANGING = """
    import keras, pathlib, time

    def build(trial, input_shape, outputs):
        trial.suggest_int("units", 4, 8)
        while not (pathlib.Path(__file__).parent / "let go").exists():
            time.sleep(0.01)
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
"""


def test_a_trial_that_hangs_is_failed_and_its_process_ended(studio, monkeypatch, caplog):
    """Its thread, should it wake up before the process is gone, has lost the trial."""
    study = studio.study(
        HANGING, study={"trials": 1}, training={"trial_minutes": 0.001}, space={"width": None}
    )

    def leave():
        """A process that has left fails nothing more."""
        monkeypatch.setattr(time_limit, "GRACE_S", 1e6)
        (studio.folder / "let go").touch()

    monkeypatch.setattr(time_limit, "GRACE_S", 0.2)
    monkeypatch.setattr(time_limit.recycling, "leave_at_once", leave)
    assert studio.finish(study) == [Outcome.LOST]
    (trial,) = trials(studio, study)
    assert (trial.state, trial.attributes["stopped"]) == ("FAIL", "hung")
    reason = "hung: no first epoch beyond its limit of 0.001 minutes"
    assert trial.attributes["reason"] == reason and f"trial 0 {reason}" in caplog.text
    assert set(trial.params) == {"units", "learning_rate"}


# Seeds


def test_a_trials_seed_is_a_function_of_study_and_number():
    seeds = {trial_seed(study, number) for study in range(20) for number in range(50)}
    assert len(seeds) == 1000 and all(0 <= seed < 2**31 for seed in seeds)
    assert (trial_seed(0, 0), trial_seed(7, 11)) == (1484405855, 623739095)  # in any process
