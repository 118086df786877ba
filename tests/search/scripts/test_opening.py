"""A script's study goes on, makes way for a new one, or is refused."""

import optuna
import pytest

from studyhall.search.scripts import call, opening
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script
from studyhall.search.study import foreign, record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.studies import studies, trash
from tests.plain_store import plain_store


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens the study of a script in a database of the test; `told` holds what was said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tune.py").write_text("first = 1\n")
    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")

    def run(**changes):
        wanted = Call(**{"name": "s", "run": lambda trial: 0.0, "trials": 3, **changes})
        mine = Script.at(tmp_path / "tune.py", tmp_path, [])
        return opening.opened(db, call.study_file(wanted, mine, {}), wanted, mine, run.told.append)

    run.told, run.db, run.file = [], db, tmp_path / "tune.py"
    yield run
    db.close()


def test_the_same_script_goes_on_and_may_ask_for_more(opened):
    first, second = opened(), opened(trials=5, fresh=True)
    assert first.study_id == second.study_id and not opened.told
    assert second.config["file"]["study"]["trials"] == 5


def finish_one(opened, study):
    """Give the study a trial with a value."""
    store = plain_store(opened.db, study, Worker("worker-1", "host", 1, "cpu"))
    claim = store.claim()
    store.tell(claim, "COMPLETE", 0.5)
    store.close()


def test_a_study_without_a_result_makes_way_for_other_code(opened):
    first = opened()
    opened.file.write_text("first = 2\n")
    assert opened().study_id != first.study_id and "is in the trash" in opened.told[0]


def test_what_says_how_much_is_searched_may_change(opened):
    opened.file.write_text("MAX_TRIALS = 3\nsearch(max_trials=3, seed=1)  # three\n")
    first = opened()
    finish_one(opened, first)
    opened.file.write_text("MAX_TRIALS = 9\n\nsearch(max_trials=9, seed=1)\n")
    assert opened(trials=9).study_id == first.study_id
    opened.file.write_text("MAX_TRIALS = 9\nsearch(max_trials=9, seed=2)\n")
    with pytest.raises(ConfigError, match=r"tune.py: received a file with SHA-256"):
        opened(trials=9)


def test_other_code_is_refused_unless_the_script_begins_anew(opened):
    first = opened()
    finish_one(opened, first)
    opened.file.write_text("first = 2\n")
    with pytest.raises(ConfigError, match=r"tune.py: received a file with SHA-256"):
        opened()
    second = opened(fresh=True)
    assert second.study_id != first.study_id and "is in the trash" in opened.told[0]
    assert [each.study_id for each in trash.contents(opened.db)] == [first.study_id]


def test_a_finished_study_answers_and_says_if_its_code_has_changed(opened):
    first = opened(hours=1.0)
    finish_one(opened, first)
    studies.set_limits(opened.db, first, trials=3, seconds=0.0)
    assert opened(hours=1.0).study_id == first.study_id
    opened.file.write_text("first = 2\n")
    assert opened(hours=1.0).study_id == first.study_id
    assert "has changed since" not in opened.told[0] and "has changed since" in opened.told[1]


def test_the_study_of_a_study_file_is_not_taken(opened, study_file):
    first = opened()
    described = {key: value for key, value in first.config.items() if key != "script"}
    studies.change_config(opened.db, first, described, [])
    with pytest.raises(ConfigError, match='received "s", which is the study of a study file'):
        opened()


def test_an_adopted_study_of_optuna_goes_on_beside_its_own_trials(opened):
    plain = optuna.create_study(
        study_name="s", storage=f"sqlite:///{opened.file.parent}/studyhall.db", direction="minimize"
    )
    plain.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    with pytest.raises(StorageError, match="to go on with it: studyhall adopt s"):
        opened()
    foreign.adopt(opened.db, "s")
    with pytest.raises(ConfigError, match='received "maximize", expected "minimize"'):
        opened(direction="maximize")

    for _ in range(2):  # the second time it is a study like any other
        study = opened(trials=3)
        state = status.status(opened.db, study)
        assert (state.finished, state.limit, state.left) == (4, 7, 3)
    record.check_trainable(opened.db, study)


def test_an_adopted_study_may_have_any_name(opened):
    url = f"sqlite:///{opened.file.parent}/studyhall.db"
    optuna.create_study(study_name="my own", storage=url).optimize(lambda trial: 1.0, n_trials=2)
    foreign.adopt(opened.db, "my own")
    study = opened(name="my own")
    assert study.name == "my own" and status.status(opened.db, study).left == 3
    assert opened(name="my own").study_id == study.study_id
