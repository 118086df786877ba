"""A script of several searches that is run again sees what it saw, and its budget is exact."""

from __future__ import annotations

import os
import signal
from contextlib import closing

import optuna as plain
import pytest
from optuna.trial import create_trial

from studyhall import optuna
from studyhall.search.scripts import session
from studyhall.search.study import foreign
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import studies

pytestmark = [pytest.mark.usefixtures("own_folder"), pytest.mark.part(8)]
URL = "sqlite:///studyhall.db"
ADDED = create_trial(value=2.0)


class Script:
    """A script that searches up to a number of trials, in several searches.

    Args:
        wanted: number of trials in all.
        first: that of its first search.
        adds: it adds a trial of its own behind the first.
    """

    def __init__(self, wanted, first, adds=False):
        self.wanted, self.first, self.adds = wanted, first, adds

    def run(self, interrupted_at=None):
        """Run it in a process that remembers nothing; return what it has seen of its study."""
        session._counts.clear()
        optuna.study._created.clear()

        def objective(trial):
            if trial.number == interrupted_at:
                os.kill(os.getpid(), signal.SIGINT)
                trial.report(1.0, 0)  # where it is handed back
            return trial.suggest_float("x", 0, 1)

        study = optuna.create_study(study_name="again", storage=URL, load_if_exists=True)
        seen = [len(study.trials)]
        study.optimize(objective, n_trials=self.first)
        seen += [len(study.trials), study.best_value]
        left = self.wanted - len(study.trials)
        if self.adds:
            study.add_trial(ADDED)
        if left:
            study.optimize(objective, n_trials=left)
        study.optimize(objective, n_trials=self.wanted + self.adds - len(study.trials))  # none
        return [*seen, len(study.trials), study.best_value]


def stored():
    with closing(Database.open(URL)) as db:
        return status.status(db, studies.find(db, "again"))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("at", [0, 3, 4, 5, 7])
def test_a_script_interrupted_anywhere_ends_as_if_undisturbed(at, adds):
    script = Script(8, 4, adds)
    whole = script.run()
    with closing(Database.open(URL)) as db:
        studies.delete(db, studies.find(db, "again"))
    with pytest.raises(KeyboardInterrupt):
        script.run(at + (adds and at >= 4))
    for _ in range(2):
        assert script.run() == whole
        state = stored()
        assert state.spent and not state.running
        assert state.finished == state.limit == 8 + adds
    assert whole[0] == 0 and whole[1] == 4 and whole[3] == 8 + adds


def test_the_budget_may_grow_but_not_that_of_a_search_that_is_over():
    Script(6, 3).run()
    Script(9, 3).run()
    assert stored().finished == 9
    with pytest.raises(ConfigError, match="received 4 trials for search 1, expected 3"):
        Script(9, 4).run()
    assert stored().finished == 9


def test_a_smaller_budget_leaves_no_trial_that_has_begun():
    with pytest.raises(KeyboardInterrupt):
        Script(8, 3).run(interrupted_at=6)
    assert stored().running
    Script(6, 3).run()
    state = stored()
    assert state.finished == state.limit == 7 and not state.running


def test_another_script_sees_all_that_there_is(monkeypatch, tmp_path):
    seen = Script(5, 3).run()
    optuna.study._created.clear()
    monkeypatch.setattr(session, "main_file", lambda: tmp_path / "other.py")
    study = optuna.create_study(study_name="again", storage=URL, load_if_exists=True)
    assert len(study.trials) == 5 and study.best_value == seen[-1]


def test_what_optuna_has_run_is_seen_before_the_first_search():
    study = plain.create_study(study_name="again", storage=URL)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    with closing(Database.open(URL)) as db:
        foreign.adopt(db, "again")
    for _ in range(2):
        session._counts.clear()
        optuna.study._created.clear()
        study = optuna.create_study(study_name="again", storage=URL, load_if_exists=True)
        assert len(study.trials) == 3
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=7 - len(study.trials))
        assert len(study.trials) == 7 == stored().finished


def test_an_interrupted_cell_goes_on_where_it_was():
    calls = []

    def objective(trial):
        calls.append(trial.number)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            trial.report(1.0, 0)
        return trial.suggest_float("x", 0, 1)

    study = optuna.create_study(study_name="again", storage=URL)
    study.optimize(objective, n_trials=2)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=3)
    study.optimize(objective, n_trials=3)  # the same cell again
    assert len(study.trials) == 5 == stored().finished


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"n_trials": "3"}, "n_trials: received '3', expected a whole number"),
        ({"n_trials": 2.5}, "n_trials: received 2.5, expected a whole number"),
        ({"timeout": "3"}, "timeout: received '3', expected a number of seconds"),
        ({"func": None}, "objective: received None, expected a function of a trial"),
    ],
)
def test_an_amount_or_an_objective_that_is_none_is_refused(given, mistake):
    study = optuna.create_study(study_name="again", storage=URL)
    with pytest.raises(ConfigError, match=mistake):
        study.optimize(**{"func": lambda trial: 1.0, "n_trials": 1, **given})
    assert not os.path.exists("studyhall.db")


@pytest.mark.parametrize("nothing", [{"n_trials": 0}, {"n_trials": -2}, {"timeout": 0}])
def test_no_trials_are_none_as_in_optuna(nothing):
    for library in (plain, optuna):
        study = library.create_study(study_name="again")
        study.optimize(lambda trial: 1.0, **nothing)
        assert study.trials == []
