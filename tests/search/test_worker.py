"""A worker process from its start to its end, run in this one."""

import dataclasses
import os
import re
import shutil
import socket

import pytest

from studyhall.search import worker
from studyhall.search.data.errors import DataError
from studyhall.search.process import recycling
from studyhall.search.process.stop import Stop
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.objective import Objective
from studyhall.storage.queries import records, status
from studyhall.storage.trials import control

FLAKY = """
    import keras

    FAILING = {failing}

    def build(trial, input_shape, outputs):
        if trial.number in FAILING:
            raise RuntimeError(f"trial {{trial.number}} is not wanted")
        return keras.Sequential([
            keras.Input(input_shape), keras.layers.Dense(outputs, activation="softmax")
        ])
"""
BARE = {"width": None}


def states(studio, study):
    return [trial.state for trial in records.trials(studio.db, study)]


def test_a_worker_spends_the_budget_and_leaves(studio, capsys):
    study = studio.study(study={"trials": 3})
    stop = Stop()
    worker.work(studio.db, study, stop)
    assert states(studio, study) == ["COMPLETE"] * 3 and stop.code == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "worker started: iris on cpu, 3 of 3 trials left"
    assert [re.sub(r"^\S+ |: .*;", "", line) for line in lines] == [
        f"trial {number} complete {number + 1} of 3" for number in range(3)
    ]
    assert status.status(studio.db, study).workers == []  # it said goodbye
    worker.work(studio.db, study, stop)  # nothing is left to do
    assert states(studio, study) == ["COMPLETE"] * 3


def test_under_a_launcher_it_leaves_the_finished_trials_to_that(studio, capsys, monkeypatch):
    monkeypatch.setenv("STUDYHALL_LAUNCHED", "1")
    worker.work(studio.db, studio.study(study={"trials": 1}), Stop())
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_worker_that_is_asked_to_stop_begins_nothing(studio):
    study, stop = studio.study(), Stop()
    stop.ask(130)
    worker.work(studio.db, study, stop)
    assert states(studio, study) == []


def test_a_stopped_study_lets_its_workers_go(studio):
    study = studio.study()
    control.set_stop(studio.db, study, True)
    worker.work(studio.db, study, Stop())
    assert states(studio, study) == []


def test_a_study_whose_time_is_up(studio):
    study = studio.study(study={"trials": 1000, "hours": 2 / 3600})
    worker.work(studio.db, study, Stop())
    found = status.status(studio.db, study)
    assert 0 < found.finished < 1000 and found.seconds_used >= 2
    assert not [one for one in found.running if one.held]


@pytest.mark.parametrize("family", ["mlp", "own"])
def test_three_failures_in_a_row_end_it_with_the_reasons(studio, family):
    own = FLAKY.format(failing={0, 1, 2, 3}) if family == "own" else ""
    changes = {"space": BARE} if own else {"model": {"family": "cnn"}, "space": BARE}
    study = studio.study(own, study={"trials": 9}, **changes)
    with pytest.raises(ConfigError) as ended:
        worker.work(studio.db, study, Stop())
    *reasons, last = ended.value.problems
    assert [line.partition(": ")[0] for line in reasons] == [f"trial {n} failed" for n in range(3)]
    assert last == "stopped: 3 trials failed and none succeeded"
    assert states(studio, study) == ["FAIL"] * 3


@pytest.mark.parametrize("failing", [{0, 1, 3, 4}, {1, 2, 3, 4}])
def test_a_success_keeps_it_going(studio, failing):
    study = studio.study(FLAKY.format(failing=failing), study={"trials": 6}, space=BARE)
    worker.work(studio.db, study, Stop())
    expected = ["FAIL" if number in failing else "COMPLETE" for number in range(6)]
    assert states(studio, study) == expected


def test_other_code_than_the_studys_is_refused(studio):
    study = studio.study(FLAKY.format(failing=set()), space=BARE)
    (studio.folder / "mine.py").write_text("def build(trial, input_shape, outputs): ...")
    with pytest.raises(ConfigError, match=r"^iris: mine.py: received a file with SHA-256"):
        worker.work(studio.db, study, Stop())
    assert states(studio, study) == []


def test_other_data_than_the_studys_are_refused(studio, tmp_path):
    rows = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)]
    (studio.folder / "t.csv").write_text("\n".join(["x,z,y", *rows]))
    study = studio.study(data={"source": "t.csv", "target": "y"})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(DataError, match="which does not exist"):
        worker.work(studio.db, study, Stop(), elsewhere)
    (elsewhere / "t.csv").write_text("\n".join(["x,z,y", *reversed(rows)]))
    with pytest.raises(ConfigError, match="received data with fingerprint"):
        worker.work(studio.db, study, Stop(), elsewhere)
    (elsewhere / "t.csv").write_bytes((studio.folder / "t.csv").read_bytes())
    worker.work(studio.db, study, Stop(), elsewhere)
    assert states(studio, study) == ["COMPLETE"] * 2


def test_a_worker_names_itself(studio, monkeypatch):
    monkeypatch.setenv("STUDYHALL_WORKER", "worker-7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    study = studio.study(study={"trials": 1})
    worker.work(studio.db, study, Stop())
    (trial,) = records.trials(studio.db, study)
    assert trial.worker == f"worker-7@{socket.gethostname()}:{os.getpid()}"


@pytest.mark.parametrize("in_the_way", [False, True])
def test_artifacts_that_are_not_there_are_told_before_the_first_trial(studio, in_the_way):
    """As on another machine, without the folder that the workers were to share."""
    study = studio.study()
    folder = record.stored(study).artifacts
    shutil.rmtree(folder)
    if in_the_way:
        folder.write_text("in the way")
    with pytest.raises(ConfigError) as refused:
        worker.work(studio.db, study, Stop())
    assert refused.value.problems == [
        f"iris: [study] artifacts: received {folder}, which is no folder on {socket.gethostname()},"
        " expected a folder that all workers share, or a bucket"
    ]
    assert states(studio, study) == [] and folder.exists() == in_the_way


def test_a_folder_of_the_same_name_that_is_another_one_is_refused(studio):
    """As on a node on which the shared folder is not mounted."""
    study = studio.study()
    folder, name = record.stored(study).artifacts, study.config["artifacts_marker"]
    (folder / name).unlink()
    with pytest.raises(ConfigError) as refused:
        worker.work(studio.db, study, Stop())
    assert refused.value.problems == [
        f"iris: [study] artifacts: received {folder}, which on {socket.gethostname()} is another "
        f"folder than this study's (it lacks {name}), expected the folder that all workers share, "
        "mounted there, or a bucket"
    ]
    assert states(studio, study) == []


def test_a_study_from_before_the_marker_goes_on(studio):
    study = studio.study(study={"trials": 1})
    (record.stored(study).artifacts / study.config["artifacts_marker"]).unlink()
    before = {key: value for key, value in study.config.items() if key != "artifacts_marker"}
    worker.work(studio.db, dataclasses.replace(study, config=before), Stop())
    assert states(studio, study) == ["COMPLETE"]


GREEDY_ONCE = """
    import keras, pathlib

    def build(trial, input_shape, outputs):
        mark = pathlib.Path(__file__).with_name(f"met {trial.number}")
        if trial.number in (1, 2) and not mark.exists():
            mark.touch()
            raise MemoryError("8 GB")
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
"""


def test_after_running_out_of_memory_the_process_makes_way(studio):
    """And so does one that has run trials already, should it take the trial over."""
    study = studio.study(GREEDY_ONCE, study={"trials": 3}, space=BARE)
    codes = []
    while status.status(studio.db, study).finished < 3:
        stop = Stop()
        worker.work(studio.db, study, stop)
        codes.append(stop.code)
    assert codes == [recycling.EXIT_CODE] * 2 + [0]
    assert states(studio, study) == ["COMPLETE"] * 3


def test_a_trial_that_ran_out_of_memory_elsewhere_is_left_to_a_fresh_process(studio, monkeypatch):
    study = studio.study(study={"trials": 2})
    other = studio.worker(study).context.store
    claim = other.claim()
    run = Objective.run

    def meanwhile(objective, mine, wait_s):
        outcome = run(objective, mine, wait_s)
        other.release(claim, out_of_memory=True)
        return outcome

    monkeypatch.setattr(Objective, "run", meanwhile)
    stop = Stop()
    worker.work(studio.db, study, stop)
    assert stop.code == recycling.EXIT_CODE
    (left,) = [one for one in status.status(studio.db, study).running if not one.held]
    assert (left.number, left.memory_failures) == (0, 1)
    monkeypatch.undo()
    worker.work(studio.db, study, Stop())
    assert states(studio, study) == ["COMPLETE"] * 2
