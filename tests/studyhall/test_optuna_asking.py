"""Trials that a script asks for and tells, each under a lease of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import optuna as plain
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from studyhall import optuna
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.trials import control

URL = "sqlite:///studyhall.db"
pytestmark = pytest.mark.usefixtures("own_folder")


def state_of(name):
    db = Database.open(URL)
    found = status.status(db, studies.find(db, name))
    db.close()
    return found


def test_a_loop_of_ask_and_tell_is_that_of_optuna():
    def search(study):
        for _ in range(12):
            trial = study.ask()
            x = trial.suggest_float("x", -1, 1)
            told = study.tell(trial, x**2)
            assert told.state == TrialState.COMPLETE and told.value == x**2
        return study

    ours = search(optuna.create_study(study_name="loop", sampler=plain.samplers.TPESampler(seed=1)))
    assert [trial.number for trial in ours.trials] == [*range(12)]
    assert ours.best_value == min(trial.value for trial in ours.trials)
    found = state_of("loop")
    assert found.spent and found.limit == found.used == 12 and not found.running
    ours.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=3)
    assert len(ours.trials) == 15
    ours.tell(ours.ask(), 1.0)
    assert len(ours.trials) == 16 and state_of("loop").limit == 16


def test_many_trials_may_be_asked_for_before_the_first_is_told():
    study = optuna.create_study(study_name="batch", direction="maximize")
    space = {
        "rate": FloatDistribution(1e-3, 1.0, log=True),
        "width": IntDistribution(2, 8, step=2),
        "kind": CategoricalDistribution(["a", "b"]),
    }
    asked = [study.ask(space) for _ in range(4)]
    assert all(trial.params.keys() == space.keys() for trial in asked)
    assert len({trial.params["rate"] for trial in asked}) == 4
    assert len(state_of("batch").held) == 4
    for trial in reversed(asked):
        trial.set_user_attr("seed", trial.number)  # a name that studyhall uses, too
        study.tell(trial.number, float(trial.number))
    assert [trial.value for trial in study.trials] == [0.0, 1.0, 2.0, 3.0]
    assert [trial.user_attrs for trial in study.trials] == [{"seed": n} for n in range(4)]


def test_results_are_told_by_the_rules_of_optuna():
    study = optuna.create_study(study_name="rules")
    pruned, failed, wrong, ended = (study.ask() for _ in range(4))
    pruned.report(3.0, 0)
    pruned.report(2.0, 1)
    assert study.tell(pruned, state=TrialState.PRUNED).value == 2.0
    assert study.tell(failed, state=TrialState.FAIL).state == TrialState.FAIL
    with pytest.raises(ValueError, match="expected a number"):
        study.tell(wrong, "text", TrialState.COMPLETE)
    with pytest.raises(ValueError, match="received values with FAIL"):
        study.tell(wrong, 1.0, TrialState.FAIL)
    with pytest.raises(ValueError, match="Cannot tell with state"):
        study.tell(wrong, state=TrialState.RUNNING)
    assert study.tell(wrong, float("nan")).state == TrialState.FAIL
    study.tell(ended, 1.0)
    with pytest.raises(ValueError, match="Cannot tell a COMPLETE trial"):
        study.tell(ended, 2.0)
    assert study.tell(ended, 2.0, skip_if_finished=True).value == 1.0
    with pytest.raises(ValueError, match="never asked for"):
        study.tell(99, 1.0)


def test_several_objectives_are_told_together():
    study = optuna.create_study(directions=["minimize", "maximize"], study_name="two")
    for number in range(3):
        study.tell(study.ask(), (float(number), float(number)))
    assert [trial.values for trial in study.trials] == [[n, n] for n in (0.0, 1.0, 2.0)]
    assert len(study.best_trials) == 3
    assert study.tell(study.ask(), 1.0).state == TrialState.FAIL


def test_queued_configurations_are_asked_for_first():
    study = optuna.create_study(study_name="queued")
    study.enqueue_trial({"x": 0.25}, user_attrs={"from": "me"})
    trial = study.ask()
    assert trial.user_attrs == {"from": "me"} and trial.suggest_float("x", 0, 1) == 0.25
    study.tell(trial, 1.0)
    assert study.trials[0].user_attrs == {"from": "me"}
    assert study.trials[0].system_attrs == {"fixed_params": {"x": 0.25}}


def test_a_stopped_study_gives_no_more_trials():
    study = optuna.create_study(study_name="stopped")
    trial = study.ask()
    db = Database.open(URL)
    control.set_stop(db, studies.find(db, "stopped"), stop=True)
    db.close()
    with pytest.raises(ConfigError, match=r"trial 0 is handed back"):
        for step in range(9):
            trial.report(1.0, step)
    with pytest.raises(ConfigError, match=r"studyhall resume stopped"):
        study.ask()


DIES = """
import sys, time
from studyhall import optuna

study = optuna.create_study(study_name="dies", storage="sqlite:///studyhall.db")
trial = study.ask()
x = trial.suggest_float("x", 0, 1)
trial.report(x, 0)
print(trial.number, x, trial.under_way.claim.attempt, flush=True)
if len(sys.argv) > 1:
    time.sleep(60)
study.tell(trial, x)
print(len(study.trials), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_trial_of_a_process_that_dies_is_asked_for_again(number, tmp_path):
    (tmp_path / "dies.py").write_text(textwrap.dedent(DIES))
    command = [sys.executable, "dies.py"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    options = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "wait"], stderr=subprocess.DEVNULL, **options) as first:
        before = first.stdout.readline().split()
        first.send_signal(number)
    if number == signal.SIGINT:
        assert not state_of("dies").held  # handed back at once
    said = subprocess.run(command, check=True, stderr=subprocess.PIPE, **options).stdout
    after, count = said.splitlines()
    assert after.split() == [*before[:2], "2"] and count == "1"
    found = state_of("dies")
    assert found.used == 1 and found.takeovers == 1 and found.spent


def test_a_trial_that_was_taken_over_cant_be_told():
    study = optuna.create_study(study_name="lost")
    trial = study.ask()
    db = Database.open(URL)
    (one,) = status.status(db, studies.find(db, "lost")).running
    control.free(db, studies.find(db, "lost"), one.worker)
    other = optuna.create_study(study_name="lost", storage=URL)
    again = other.ask()
    assert again.number == trial.number
    with pytest.raises(ConfigError, match="which another process has taken over"):
        study.tell(trial, 1.0)
    other.tell(again, 2.0)
    (row,) = records.trials(db, studies.find(db, "lost"))
    db.close()
    assert row.value == 2.0 and row.attempt == 2


def test_suggestions_of_a_trial_that_was_taken_over_say_so():
    """A trial that was taken over writes each value at once, as it may end its worker again."""
    held = []
    for _ in range(3):
        study = optuna.create_study(study_name="again", storage=URL)
        held.append(study.ask())
        db = Database.open(URL)
        found = studies.find(db, "again")
        for one in status.status(db, found).running[: 3 - len(held)]:
            control.free(db, found, one.worker)
        db.close()
    assert [trial.number for trial in held] == [0, 0, 0]
    with pytest.raises(ConfigError, match="trial 0 is lost"):
        held[1].suggest_float("x", 0, 1)
    assert 0 <= held[2].suggest_float("x", 0, 1) <= 1


def test_optunas_interface_imports_no_keras():
    """A launch of a script without Keras has none; its workers may."""
    code = "import studyhall.optuna, sys; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
