"""Would more data help, and is it worth training longer?"""

import dataclasses

import numpy as np
import pytest

from search import creation, worker
from search.findings import longer
from search.findings.evidence import Evidence
from search.findings.verdicts import Verdict
from search.process.stop import Stop
from search.retraining import anew, datacurve
from search.retraining import worker as working
from search.retraining.datacurve import DataCurve, Point
from storage.records import TrialRecord
from storage.retrainings import DATACURVE


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


def test_a_power_law_is_found_again():
    doubled = curve(*power_law(0.05, 0.2, 0.5)).doubled
    assert doubled == pytest.approx(0.05 + 0.2 * 2**-0.5, rel=0.02)


def test_what_is_left_is_no_answer():
    found = dataclasses.replace(curve(0.4, 0.3, 0.2, 0.1), left=3)
    assert found.answer == "unknown" and "3 trainings of trial 7 are left" in str(
        [*found.sentences()]
    )


def test_shares_are_nested_and_stratified(studio):
    study = studio.study()
    stored = creation.stored(study)
    data = worker.plan_of(stored, stored.folder, study).data
    (fold,) = data.folds
    parts = {p: anew.with_less(fold, p, fold.pool.y, data.classes) for p in (25, 50, 75)}
    rows = {p: set(part.train_rows) for p, part in parts.items()}
    assert rows[25] < rows[50] < rows[75] < set(fold.train_rows)
    assert [len(rows[p]) for p in (25, 50, 75)] == [22, 45, 68]
    for part in parts.values():
        assert np.ptp(np.bincount(part.train.y)) <= 1  # iris has as many of each class
        assert np.array_equal(part.validation_rows, fold.validation_rows)
        assert part.preparation is not fold.preparation


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


# Longer


def asked(stopped, **numbers):
    empty = {field.name: None for field in dataclasses.fields(TrialRecord)}
    trial = TrialRecord(**{**empty, "number": 7, "attributes": {"stopped": stopped}})
    blank = {field.name: 0.0 for field in dataclasses.fields(Evidence)}
    evidence = Evidence(**{**blank, "noise": 0.01, "validation_best": 0.2, **numbers})
    return longer.ask(trial, Verdict("good fit", 1.0, "", evidence, None, ()))


def test_a_loss_that_still_falls_asks_for_more_epochs():
    found = asked("epochs", epochs=40, best_epoch=40, fall=0.1, fall_share=0.2)
    assert found.answer == "yes" and "Yes: the validation loss fell by 20%" in found.sentence()


@pytest.mark.parametrize(
    ("stopped", "numbers", "why"),
    [
        ("epochs", {"best_epoch": 10, "rise": 0.2, "validation_last": 0.4}, "rose, from 0.2 to"),
        ("patience", {"best_epoch": 30}, "stopped by itself, without an improvement since"),
        ("epochs", {"best_epoch": 39, "fall": 0.001}, "within the noise"),
    ],
)
def test_what_has_ended_does_not(stopped, numbers, why):
    found = asked(stopped, epochs=40, **numbers)
    assert found.answer == "no" and why in found.why
