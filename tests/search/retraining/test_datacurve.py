"""Would more data help, and is it worth training longer?"""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import typer

from studyhall.search import worker
from studyhall.search.cli import retraining as commands
from studyhall.search.diagnosis import more_epochs
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import live
from studyhall.search.display.terminal import out
from studyhall.search.process.stop import Stop
from studyhall.search.retraining import datacurve, launch, trainer
from studyhall.search.retraining import hidden_trials as working
from studyhall.search.retraining.datacurve import DataCurve, Point
from studyhall.search.retraining.launch import Progress
from studyhall.search.study import record
from studyhall.storage.database.companions import DATACURVE
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import retrainings


def curve(*losses, spread=0.0):
    points = [
        Point(percent, 10 * percent, (loss - spread, loss, loss + spread), 0.1)
        for percent, loss in zip(datacurve.PERCENTS, losses, strict=True)
    ]
    return DataCurve(7, tuple(points), 0, 1.0, ())


def power_law(limit, scale, power):
    return [limit + scale * (percent / 100) ** -power for percent in datacurve.PERCENTS]


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (curve(*power_law(0.05, 0.2, 0.5)), "yes"),
        (curve(*power_law(0.20, 0.02, 0.5)), "a little"),
        (curve(0.3, 0.2, 0.1999, 0.1998), "no"),
        (curve(*power_law(0.05, 0.2, 0.5), spread=0.2), "no"),  # seeds differ more than that
        (curve(0.2, 0.21, 0.22, 0.23), "no"),
        (curve(2.0, 2.0, 2.0, 2.0), "no"),
    ],
    ids=["steep", "flat", "at its end", "within the noise", "rising", "nothing learned"],
)
def test_what_a_curve_says(found, answer):
    assert found.answer == answer
    assert next(found.sentences()).startswith("Would more data help? ")


def of(objective, direction, *values, spread=0.0):
    found = curve(*values, spread=spread)
    return dataclasses.replace(found, objective=objective, direction=direction)


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (of("accuracy", "maximize", *(1 - e for e in power_law(0.01, 0.03, 0.5))), "yes"),
        (of("accuracy", "maximize", *power_law(0.9, 0.03, 0.5)), "no"),  # falls with more data
        (of("accuracy", "maximize", 0.9, 0.95, 0.9501, 0.9502), "no"),
        (of("accuracy", "maximize", 0.98, 0.99, 1.0, 1.0), "no"),  # no better one than 1
        (of("accuracy", "maximize", 0.90, 0.93, 0.945, 0.95, spread=0.03), "no"),
        (of("hits", "maximize", *(-v for v in power_law(1.0, 0.5, 0.5))), "yes"),
        (of("calibration_error", "minimize", *power_law(0.01, 0.03, 0.5)), "yes"),
    ],
    ids=["rising", "falling", "at its end", "perfect", "within the noise", "own", "an error"],
)
def test_what_a_curve_of_another_objective_says(found, answer):
    assert found.answer == answer
    assert answer == "no" or f"reaches {found.objective} " in next(found.sentences())
    if found.doubled is not None and found.objective == "accuracy":
        assert found.points[0].mean < found.doubled <= 1


def test_a_power_law_of_what_is_missing_is_found_again():
    found = of("accuracy", "maximize", *(1 - e for e in power_law(0.01, 0.03, 0.5)))
    assert found.doubled == pytest.approx(1 - 0.01 - 0.03 * 2**-0.5, rel=0.001)


def test_a_power_law_is_found_again():
    doubled = curve(*power_law(0.05, 0.2, 0.5)).doubled
    assert doubled == pytest.approx(0.05 + 0.2 * 2**-0.5, rel=0.02)


@pytest.mark.parametrize("costs", [(0.192, 0.150, 0.098, 0.0876), (0.24, 0.14018, 0.08, 0.057552)])
def test_a_forecast_stays_where_the_objective_can_be(costs):
    lost = curve(*costs)
    won = of("accuracy", "maximize", *(1 - cost for cost in costs))
    assert 0 <= lost.doubled <= costs[-1] and 1 - costs[-1] <= won.doubled <= 1
    assert won.doubled == pytest.approx(1 - lost.doubled, rel=1e-4)
    assert of("r2_score", "maximize", *(1 - cost for cost in costs)).doubled == won.doubled
    assert lost.to_json()["doubled"] == lost.doubled


def test_the_fall_that_is_told_is_one_towards_a_limit():
    found = curve(0.192, 0.150, 0.098, 0.0876)
    sizes, losses = np.log([0.25, 0.5, 0.75, 1]), np.log([p.mean for p in found.points])
    slope, at_all = np.polyfit(sizes, losses, 1)  # a power law whose limit is 0
    assert found.doubled == pytest.approx(np.exp(at_all + slope * np.log(2)), abs=0.005)
    assert f"twice as many would give about {found.doubled:.5g}" in str([*found.sentences()])


def test_a_loss_of_the_users_own_may_be_negative():
    found = curve(*power_law(-2.0, 0.5, 0.5))
    assert found.doubled == pytest.approx(-2 + 0.5 * 2**-0.5, rel=0.02)


def test_two_points_give_no_forecast():
    found = curve(0.4, 0.3, 0.2, 0.1)
    found = dataclasses.replace(found, points=found.points[1::2])
    assert found.doubled is None and found.answer == "yes"
    assert "too few shares to estimate the value for twice as many" in str([*found.sentences()])


def test_what_is_left_is_no_answer():
    found = dataclasses.replace(curve(0.4, 0.3, 0.2, 0.1), left=3)
    assert found.answer == "unknown" and "3 trainings of trial 7 are left" in str(
        [*found.sentences()]
    )


def test_shares_are_nested_and_stratified(studio):
    study = studio.study()
    stored = record.stored(study)
    data = worker.plan_of(stored, stored.folder, study).data
    (fold,) = data.folds
    parts = {p: trainer.share(fold, p) for p in (25, 50, 75)}
    rows = {p: set(part.train_rows) for p, part in parts.items()}
    assert rows[25] < rows[50] < rows[75] < set(fold.train_rows)
    assert [len(rows[p]) for p in (25, 50, 75)] == [22, 45, 68]
    for part in parts.values():
        assert np.ptp(np.bincount(part.train.y)) <= 1  # iris has as many of each class
        assert np.array_equal(part.validation_rows, fold.validation_rows)
        assert part.preparation is not fold.preparation


@pytest.mark.parametrize("folds", [1, 3])
def test_shares_keep_groups_whole(studio, folds):
    patients = np.repeat(np.arange(40), 3)
    frame = pd.DataFrame({"a": patients, "patient": patients, "y": ["ill", "well"] * 60})
    frame.to_csv(studio.folder / "t.csv", index=False)
    about = {"source": "t.csv", "target": "y", "group": "patient", "folds": folds}
    study = studio.study(data={**about, "normalize": "none"})
    stored = record.stored(study)
    for fold in worker.plan_of(stored, stored.folder, study).data.folds:
        seen = [trainer.share(fold, p).train.x[:, 0] for p in (25, 50, 75, 100)]
        for smaller, larger in itertools.pairwise(seen):
            assert set(smaller) < set(larger)
            assert all(np.sum(smaller == one) == np.sum(larger == one) for one in set(smaller))
        sizes = [len(rows) / len(seen[-1]) for rows in seen]
        assert sizes == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.06)


def test_the_best_trial_is_trained_on_each_share(studio):
    study = studio.study()
    studio.finish(study)
    datacurve.plan(studio.db, study, 0, 1)
    assert datacurve.read(studio.db, study).left == 4
    working.work(studio.db, study, DATACURVE, Stop())
    found = datacurve.read(studio.db, study)
    assert [point.percent for point in found.points] == [25, 50, 75, 100]
    assert [point.samples for point in found.points] == [22, 45, 68, 90]
    assert found.left == 0 and found.gpu_seconds > 0 and found.answer != "unknown"
    head, rows = datacurve.rows(found)
    assert len(rows) == 4 and all(len(row) == len(head) for row in rows)


def test_it_goes_by_the_objective(studio, capsys):
    study = studio.study(study={"objective": ["accuracy", "parameters"], "trials": 1})
    studio.finish(study)
    datacurve.plan(studio.db, study, 0, 1)
    progress = Progress(studio.db, study, DATACURVE, live.Lines(out))
    working.work(studio.db, study, DATACURVE, Stop())
    progress.look()
    lines = capsys.readouterr().out.splitlines()[-4:]
    assert lines[0].startswith("trial 0, training 1 on 25 % of the training data: accuracy 0.")
    assert not any("loss" in line for line in lines)
    found, (run, *_) = (
        datacurve.read(studio.db, study),
        retrainings.read(studio.db, study, DATACURVE),
    )
    assert (found.objective, found.direction) == ("accuracy", "maximize")
    metrics = run.result["metrics"]
    assert found.points[0].values == (metrics["val_accuracy"],) == (run.result["value"],)
    assert found.points[0].train == metrics["accuracy"]
    assert found.to_json()["objective"] == datacurve.rows(found)[0][2] == "accuracy"
    assert "trial 0 reaches accuracy 0." in str([*found.sentences()])


def test_what_an_interrupted_one_goes_on_with(studio, monkeypatch, capsys):
    study = studio.study(study={"trials": 1})
    studio.finish(study)
    url = studio.db.url.render_as_string(hide_password=False)
    monkeypatch.setattr(launch, "run", lambda *_: 130)  # as Ctrl-C at once
    with pytest.raises(typer.Exit):
        commands.datacurve(study.name, url, seeds=2)
    hint = f"to continue: studyhall datacurve iris --seeds 2 --storage {url}"
    assert capsys.readouterr().out.splitlines()[-1] == hint


# Longer


def asked(stopped, **numbers):
    empty = {field.name: None for field in dataclasses.fields(TrialRecord)}
    trial = TrialRecord(**{**empty, "number": 7, "attributes": {"stopped": stopped}})
    blank = {field.name: 0.0 for field in dataclasses.fields(Evidence)}
    evidence = Evidence(**{**blank, "noise": 0.002, "validation_best": 0.2, "unit": 1.0, **numbers})
    return more_epochs.ask(trial, Verdict("good fit", 1.0, "", evidence, None, ()))


def test_a_loss_that_still_falls_asks_for_more_epochs():
    found = asked("epochs", epochs=40, best_epoch=40, fall=0.1, to_come=0.05)
    assert found.answer == "yes" and "may lower the validation loss by 25%" in found.sentence()


@pytest.mark.parametrize(
    ("stopped", "numbers", "answer", "why"),
    [
        (
            "epochs",
            {"best_epoch": 10, "rise": 0.2, "validation_last": 0.4},
            "no",
            "after epoch 10 of 40 the validation loss rose, from 0.2 to 0.4",
        ),
        ("epochs", {"best_epoch": 12}, "no", "no longer fell in the 28 epochs after"),
        ("patience", {"best_epoch": 30}, "unknown", "too early to tell; 30 would be enough"),
        ("epochs", {"best_epoch": 10, "noise": 0.04}, "unknown", "varies by 20%"),
        (
            "epochs",
            {"best_epoch": 39, "fall": 0.001, "rises": 0.5},
            "unknown",
            "of its 40 epochs 39 is the best, but the decrease in the last quarter is within",
        ),
        ("epochs", {"best_epoch": 40, "fall": 0.01}, "unknown", "hardly falls any more"),
        ("epochs", {"best_epoch": 40, "to_come": 0.002, "fall": 0.01}, "unknown", "by 1.0% only"),
    ],
)
def test_what_has_ended_says_no_only_where_more_would_not_help(stopped, numbers, answer, why):
    found = asked(stopped, epochs=40, **numbers)
    assert found.answer == answer and why in found.why
