"""Studies as Optuna reads them, only sooner."""

import math
from collections.abc import Callable, Iterator

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from studyhall.storage.database import Database, optuna_names
from studyhall.storage.queries import frozen
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.studies import studies, trash

SPACE = {
    "rate": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True),
    "depth": optuna.distributions.IntDistribution(1, 4),
    "optimizer": optuna.distributions.CategoricalDistribution(("adam", None, True, 0.5)),
}
PARAMS = {"rate": 1e-3, "depth": 2, "optimizer": None}


@pytest.fixture
def optunas(db: Database) -> Iterator[RDBStorage]:
    """Optuna's own storage."""
    opened = db.optuna_storage()
    yield opened
    opened.engine.dispose()


@pytest.fixture
def study(optunas: RDBStorage) -> optuna.Study:
    """Trials of every state, with numbers of every kind."""
    made = optuna.create_study(study_name="study", storage=optunas)
    made.set_user_attr("owner", {"name": "ann"})
    made._storage.set_study_system_attr(made._study_id, "dashboard:note_ver", 3)
    add(made, value=0.5, params=PARAMS, distributions=SPACE)
    add(made, value=math.inf, intermediate_values={1: math.nan, 2: math.inf, 3: -math.inf})
    add(made, state=TrialState.PRUNED, value=None, intermediate_values={2: 0.5, 1: 0.7})
    add(made, state=TrialState.FAIL, user_attrs={"reason": "NaN", "list": [1, None]})
    made.ask({"rate": SPACE["rate"]})
    add(made, state=TrialState.WAITING, system_attrs={"fixed_params": {"rate": 0.1}})
    return made


def add(study: optuna.Study, **about) -> None:
    study.add_trial(create_trial(**about))


@pytest.fixture
def reader(db: Database, study: optuna.Study) -> Reader:
    opened = Reader(db)
    yield opened
    opened.close()


def alike(one: list[FrozenTrial], other: list[FrozenTrial]) -> bool:
    """Return True if the trials are equal; NaN equals NaN."""
    return [_spelt(trial) for trial in one] == [_spelt(trial) for trial in other]


def _spelt(trial: FrozenTrial) -> list[str]:
    parts = vars(trial).values()
    return [repr(sorted(x.items()) if isinstance(x, dict) else x) for x in parts]


def test_trials_are_what_optuna_reads(
    optunas: RDBStorage, study: optuna.Study, reader: Reader
) -> None:
    wanted = optunas.get_all_trials(study._study_id)
    assert len(wanted) == 6
    for _ in range(2):
        assert alike(reader.get_all_trials(study._study_id), wanted)
    waiting = reader.get_all_trials(study._study_id, states=(TrialState.WAITING,))
    assert alike(waiting, wanted[5:])


def test_studies_are_what_optuna_reads(
    optunas: RDBStorage, study: optuna.Study, reader: Reader
) -> None:
    optuna.create_study(study_name="two", storage=optunas, directions=["minimize", "maximize"])
    wanted = [vars(each) for each in optunas.get_all_studies()]
    assert [vars(each) for each in reader.get_all_studies()] == wanted


def test_without_its_private_name_optuna_lists_the_studies(
    study: optuna.Study, reader: Reader, monkeypatch
) -> None:
    listed = reader.get_all_studies()
    monkeypatch.setattr(optuna_names, "FrozenStudy", None)
    assert [vars(each) for each in reader.get_all_studies()] == [vars(each) for each in listed]


def test_many_trials_at_once(
    optunas: RDBStorage, study: optuna.Study, reader: Reader, monkeypatch
) -> None:
    monkeypatch.setattr(frozen, "_MANY", 2)
    wanted = optunas.get_all_trials(study._study_id)
    assert alike(reader.get_all_trials(study._study_id), wanted)


def test_what_changes_is_read_anew(db: Database, study: optuna.Study, reader: Reader) -> None:
    reader.get_all_trials(study._study_id)
    running = optuna.trial.Trial(study, study.trials[4]._trial_id)
    running.report(0.25, step=1)
    assert reader.get_all_trials(study._study_id)[4].intermediate_values == {1: 0.25}
    study.tell(running, 0.2)
    add(study, value=0.1)
    now = reader.get_all_trials(study._study_id)
    assert (now[4].state, now[4].value, now[6].value) == (TrialState.COMPLETE, 0.2, 0.1)


def test_trials_that_have_ended_are_kept(
    study: optuna.Study, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.get_all_trials(study._study_id)
    asked: list[int] = []
    trials: Callable = frozen.trials
    monkeypatch.setattr(
        frozen,
        "trials",
        lambda t, study_id, new: asked.append(len(new)) or trials(t, study_id, new),
    )
    reader.get_all_trials(study._study_id)
    assert asked == [2]  # the one that waits and the one that runs


def test_a_study_that_is_gone_or_in_the_trash(db: Database, study: optuna.Study, reader: Reader):
    with pytest.raises(KeyError):
        reader.get_all_trials(12345)
    trash.put(db, study._study_id, "ann")
    assert reader.get_all_studies() == []


def test_a_new_study_with_an_old_ones_identifiers(
    optunas: RDBStorage, study: optuna.Study, reader: Reader
):
    """SQLite gives the identifiers of what was deleted to what comes next."""
    reader.get_all_trials(study._study_id)
    optuna.delete_study(study_name="study", storage=optunas)
    again = optuna.create_study(study_name="again", storage=optunas)
    add(again, value=7.0)
    assert [t.value for t in reader.get_all_trials(again._study_id)] == [7.0]


def test_studies_of_ours_are_there_at_once(db: Database, reader: Reader) -> None:
    studies.create(db, "digits", config={}, seed=0, trials=4)
    assert [each.study_name for each in reader.get_all_studies()] == ["study", "digits"]
