"""Studies that plain Optuna has made get our rows beside theirs."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import optuna
import pytest
from optuna.trial import TrialState

from studyhall.storage.database import Database, StorageError
from studyhall.storage.queries import records, status
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.studies import adoption, studies, trash
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store


@pytest.fixture
def plain(db):
    """An Optuna study of eight trials, one of them pruned and one failed."""
    storage = db.optuna_storage()
    study = optuna.create_study(study_name="theirs", storage=storage, direction="maximize")

    def objective(trial):
        x = trial.suggest_float("x", 0.1, 1.0, log=True)
        trial.suggest_categorical("kind", ["a", None, 3])
        for step in range(3):
            trial.report(x * (3 - step), step)
        trial.set_user_attr("note", {"x": x})
        if trial.number == 2:
            raise optuna.TrialPruned
        if trial.number == 4:
            raise ValueError("on purpose")
        return x * trial.suggest_int("units", 1, 3)

    study.optimize(objective, n_trials=8, catch=ValueError)
    yield study
    storage.engine.dispose()


def test_its_trials_are_ours_too(db: Database, plain):
    assert adoption.foreign(db) == ["theirs"] and studies.names(db) == []
    began = time.time()
    study = adoption.adopt(db, "theirs", {"key": "value", adoption.FOREIGN: "Optuna"}, seed=5)
    assert adoption.foreign(db) == [] and studies.names(db) == ["theirs"]
    assert (study.seed, study.directions) == (5, ("maximize",)) and study.config["key"] == "value"
    found = records.trials(db, study)
    for ours, theirs in zip(found, plain.trials, strict=True):
        assert (ours.number, ours.state, ours.value) == (
            theirs.number, theirs.state.name, theirs.value,
        )  # fmt: skip
        assert ours.params == theirs.params and ours.attributes == theirs.user_attrs
        assert ours.trial_id == theirs._trial_id and (ours.best_epoch, ours.epochs) == (1, 3)
        assert began - 60 < ours.started_at <= ours.finished_at < time.time() + 1
        epochs = records.history(db, ours.trial_id)
        values = [*theirs.intermediate_values.values()]
        assert [each["epoch"] for each in epochs] == [1, 2, 3]
        assert [each["value"] for each in epochs] == [-value for value in values]
        assert [each["metrics"] for each in epochs] == [{"value": value} for value in values]
    now = status.status(db, study)
    assert now.counts == {"RUNNING": 0, "COMPLETE": 6, "PRUNED": 1, "FAIL": 1}
    assert (now.used, now.limit, now.left) == (8, 8, 0)
    assert now.incumbent.number == plain.best_trial.number
    with closing(Reader(db)) as reader:
        read = reader.get_all_trials(study.study_id)
    assert [t.values for t in read] == [t.values for t in plain.trials]


def test_once_more_takes_in_what_has_come_since(db: Database, plain):
    first = adoption.adopt(db, "theirs")
    before = records.trials(db, first)
    assert adoption.adopt(db, "theirs") == first and records.trials(db, first) == before
    plain.optimize(lambda trial: trial.suggest_float("x", 0.1, 1.0, log=True), n_trials=2)
    adoption.adopt(db, "theirs")
    assert records.trials(db, first)[:8] == before and len(records.trials(db, first)) == 10
    assert status.status(db, first).limit == 10


def test_trials_of_ours_are_added_under_a_budget(db: Database, plain):
    study = adoption.adopt(db, "theirs")
    studies.extend(db, study, trials=2)
    store = plain_store(db, study)
    for _ in range(2):
        claim = store.claim()
        assert isinstance(claim, Claim)
        claim.trial.suggest_float("x", 0.1, 1.0, log=True)
        store.tell(claim, "COMPLETE", -9.0)
    assert not isinstance(store.claim(), Claim)
    store.close()
    assert [trial.number for trial in plain.get_trials(deepcopy=False)] == [*range(10)]
    assert plain.best_trial.number == 8 and plain.best_value == 9.0
    assert adoption.adopt(db, "theirs") == study


def test_what_cannot_be_adopted_is_refused_and_unchanged(db: Database, plain):
    with pytest.raises(StorageError, match=r"there is no study 'mine' in .*; it has: theirs"):
        adoption.adopt(db, "mine")
    running = plain.ask()
    for refused in (adoption.check, adoption.adopt):
        with pytest.raises(StorageError, match=r"have not ended, 8 \(RUNNING\), expected none"):
            refused(db, "theirs")
    assert adoption.foreign(db) == ["theirs"]
    plain.tell(running, state=TrialState.FAIL)
    plain.enqueue_trial({"x": 0.5})
    with pytest.raises(StorageError, match=r"9 \(WAITING\)"):
        adoption.adopt(db, "theirs")
    storage = plain._storage
    optuna.create_study(study_name="two", storage=storage, directions=["minimize", "maximize"])
    with pytest.raises(StorageError, match="received 2 objectives, expected one"):
        adoption.adopt(db, "two")
    ours, _ = studies.create(db, "ours", config={}, seed=0, trials=1)
    assert adoption.adopt(db, "ours", {"other": 1}) == ours
    trash.put(db, adoption_id(db, "two"), "ann")
    assert adoption.foreign(db) == ["theirs"]


def adoption_id(db, name):
    return db.snapshot(
        lambda t: t.value("SELECT study_id FROM studies WHERE study_name = :n", n=name)
    )


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_what_is_known_of_it_beforehand(db: Database, plain):
    assert adoption.about(db, "theirs") == (["maximize"], [], 8)
    plain.set_metric_names(["accuracy"])
    assert adoption.about(db, "theirs")[1] == ["accuracy"]


def test_of_several_processes_each_finds_it_adopted(db: Database, plain):
    others = [db.another() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: adoption.adopt(each, "theirs"), others))
    for each in others:
        each.close()
    assert found == [adoption.adopt(db, "theirs")] * 4
    assert len(records.trials(db, found[0])) == status.status(db, found[0]).limit == 8
