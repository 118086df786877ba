"""A trial trained anew: the same to the last bit, or where it differs and by how much."""

import math

import pytest

from studyhall.search import worker
from studyhall.search.retraining import replay as replaying
from studyhall.search.retraining.replay_result import Difference, Replay
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.queries import records


@pytest.fixture
def study(studio):
    """Two folds, and dropout, whose random numbers must be the same again."""
    made = studio.study(data={"folds": 2}, training={"repeats": 2}, space={"dropout": 0.3})
    studio.finish(made)
    return made


def replay(studio, study, number=1, tolerance=replaying.TOLERANCE):
    stored = record.stored(study)
    plan = worker.plan_of(stored, stored.folder, study)
    return replaying.replay(studio.db, study, plan, number, tolerance)


def alter(studio, study, factor):
    """Change what was recorded of epoch 2 of the third part of trial 1."""
    trial = records.trial(studio.db, study, 1)
    altered = f'{{"val_loss": {recorded(studio, trial) * factor!r}}}'
    studio.db.transaction(
        lambda transaction: transaction.run(
            """
            UPDATE studyhall_history SET metrics = :metrics
            WHERE trial_id = :trial_id AND fold = 2 AND epoch = 2""",
            trial_id=trial.trial_id,
            metrics=altered,
        )
    )


def recorded(studio, trial):
    rows = records.history(studio.db, trial.trial_id)
    return next(r["metrics"]["val_loss"] for r in rows if (r["fold"], r["epoch"]) == (2, 2))


def test_the_same_to_the_last_bit(studio, study):
    found = replay(studio, study)
    assert found.reproduces and found.first is None and found.epochs == 2 * 2 * 3
    assert [*found.sentences()] == ["trial 1 reproduces to the last bit: 12 epochs"]
    assert found.to_json()["exact"] and found.to_json()["largest"] == 0.0


def test_where_it_differs_is_told(studio, study):
    alter(studio, study, 1.00001)
    found = replay(studio, study)
    assert found.reproduces and (found.first.part, found.first.epoch) == (2, 2)
    assert found.largest == pytest.approx(1e-5, rel=0.01)
    assert "within 0.001: 12 epochs" in " ".join(found.sentences())
    alter(studio, study, 2.0)
    found = replay(studio, study)
    assert not found.reproduces and found.beyond == found.first
    assert next(found.sentences()) == "trial 1 does not reproduce"
    assert "at epoch 2 of part 3: val_loss was" in " ".join(found.sentences())
    assert replay(studio, study, tolerance=1.0).reproduces


def test_a_training_that_ends_before_is_none_that_reproduces():
    gone = Difference(0, 7, "loss", 0.5, None)
    found = Replay(1, 9, 1e-3, gone.relative, gone, gone)
    assert math.isinf(gone.relative) and found.to_json()["largest"] is None
    assert "at epoch 7: the training ends before it" in " ".join(found.sentences())


def test_there_must_be_such_a_trial(studio, study):
    with pytest.raises(ConfigError, match="trial: received 9, expected a finished trial of iris"):
        replay(studio, study, 9)
