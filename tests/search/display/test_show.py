"""Studies and trials as tables, JSON, CSV and log lines."""

import csv
import dataclasses
import json

import pytest

from studyhall.search.diagnosis import judging
from studyhall.search.display import json_keys, show, time_split, words
from studyhall.search.display.terminal import Literal
from studyhall.search.process.stop import Stop
from studyhall.storage.queries import records, status
from studyhall.storage.queries.status import UNLIMITED, OutOfMemory

FAILING = """
    import keras

    def build(trial, input_shape, outputs):
        if trial.number == 1:
            raise RuntimeError("a reason, with [brackets] and \\"quotes\\"")
        units = trial.suggest_int("units", 2, 5)
        return keras.Sequential([
            keras.Input(input_shape),
            keras.layers.Dense(units),
            keras.layers.Dense(outputs, activation="softmax"),
        ])
"""


def text(part):
    console = Literal(width=160)
    with console.capture() as captured:
        console.print(part)
    return captured.get()


@pytest.fixture(scope="module")
def run(shared_studio):
    """A study of which trial 1 failed and trial 3 was handed back."""
    studio = shared_studio
    study = studio.study(FAILING, study={"trials": 4}, space={"width": None})
    objective = studio.worker(study)
    for _ in range(3):
        objective.run(objective.context.store.claim())
    stop = Stop()
    stop.ask()
    leaving = studio.worker(study, stop)
    leaving.run(leaving.context.store.claim())
    return studio, study


def told(run):
    studio, study = run
    return study, status.status(studio.db, study), records.trials(studio.db, study)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.123456789, "0.12346"), (1234567.0, "1.2346e+06"), (3.0, "3")],
)
def test_numbers(value, expected):
    assert words.number(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.2, "0 s"), (75, "75 s"), (720, "12 min"), (12240, "3.4 h")],
)
def test_durations(seconds, expected):
    assert words.duration(seconds) == expected


def test_a_study_for_programs(run):
    study, state, found = told(run)
    split = time_split.read(run[0].db, study)
    shown = json.loads(json.dumps(json_keys.of_study(study, state, split)))
    counts = {name: shown[name] for name in ("complete", "pruned", "failed", "running", "waiting")}
    assert counts == {"complete": 2, "pruned": 0, "failed": 1, "running": 0, "waiting": 1}
    assert (shown["finished"], shown["left"], shown["trials"]) == (3, 1, 4)
    assert shown["workers"] == [] and shown["best"]["state"] == "complete"
    assert shown["best"]["value"] == min(t.value for t in found if t.state == "COMPLETE")
    assert {"build", "train"} <= set(shown["seconds"])


def test_the_keys_of_a_trial_are_stable(run):
    _, _, found = told(run)
    expected = (
        "trial name state value best_epoch best_epochs epochs objectives standard_error folds"
        " repeats params reason stopped verdict seconds started_at finished_at worker attempt"
        " repeated_epochs repeated_s"
    )
    shown = [json.loads(json.dumps(json_keys.of_trial(trial))) for trial in found]
    assert all(list(trial) == expected.split() for trial in shown)
    assert [trial["state"] for trial in shown] == ["complete", "failed", "complete", "running"]
    assert shown[1]["value"] is None and "a reason" in shown[1]["reason"]
    assert shown[3]["finished_at"] is None


def judged(db, study, trials):
    found = judging.of_study(db, study, trials)
    return {number: verdict.name for number, verdict in found.items() if verdict is not None}


def test_tables(run):
    study, state, found = told(run)
    studies = text(show.studies_table([(study, state)])).split()
    assert studies[-8:-2] == ["iris", "2", "0", "1", "0", "1"]
    trials = text(show.trials_table(found, judged(run[0].db, study, found))).splitlines()
    assert trials[0].split()[4] == "verdict" and "too early to tell" in trials[1]
    assert "units=" in trials[1] and "learning_rate=0.001" in trials[1]
    assert 'a reason, with [brackets] and "quotes"; learning_rate=0.0' in trials[2]
    assert "waiting for a worker" in text(show.running_table(state))


def test_a_csv_has_a_column_for_each_hyperparameter(run, tmp_path):
    study, _, found = told(run)
    show.trials_csv(found, judged(run[0].db, study, found), tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert float(rows[0]["value"]) == found[0].value
    assert rows[0]["verdict"] == "too early to tell" and rows[1]["verdict"] == ""
    assert int(rows[0]["units"]) == found[0].params["units"]
    assert rows[1]["units"] == "" and 'with [brackets] and "quotes"' in rows[1]["reason"]


def test_the_line_of_a_finished_trial(run):
    _, state, found = told(run)
    line = show.finished_line(found[0], state, 1)
    assert f"trial 0 complete: {words.number(found[0].value)} at epoch" in line
    assert line.endswith("; 1 of 4")
    assert "trial 1 failed: " in show.finished_line(found[1], state, 2)
    reason = {"reason": "no finite number at epoch 2; before, 1e+10 at epoch 1"}
    diverged = dataclasses.replace(found[1], attributes=reason, best_epoch=1, epochs=2)
    line = show.finished_line(diverged, state, 2)
    assert f"trial 1 failed: {reason['reason']}; best " in line


def test_a_line_knows_no_later_trial_and_no_limit_that_is_none(run):
    _, state, found = told(run)
    best = next(each for each in found if each.number == state.incumbent.number)
    other = next(each for each in found if each.number != best.number)
    assert "; best " not in show.finished_line(other, state, 1, [best])
    assert "; best " in show.finished_line(best, state, 2, [other])
    nothing = {"state": "PRUNED", "value": None, "attributes": {}}
    pruned = dataclasses.replace(other, **nothing)
    endless = dataclasses.replace(state, limit=UNLIMITED)
    assert show.finished_line(pruned, endless, 7, [best]).endswith(
        f"trial {other.number} pruned; 7"
    )
    assert str(UNLIMITED) not in text(show.studies_table([(run[1], endless)]))


def test_what_is_left_and_for_how_long(run):
    _, state, _ = told(run)
    assert not state.spent and state.left == 1
    left_s = state.left_s
    assert left_s is None or 0 < left_s < 3600


def test_what_takeovers_cost(run):
    state = told(run)[1]
    assert show.takeovers(state) == "takeovers: none"
    state = dataclasses.replace(state, takeovers=2, repeated_epochs=12, repeated_s=5.4)
    assert show.takeovers(state) == "takeovers: 2; trained again: 12 epochs, 5 s of training"


def test_what_want_of_memory_cost(run):
    state = told(run)[1]
    assert show.out_of_memory(state) == "out of memory: none" and state.memory_share == 0
    lost = OutOfMemory(trials=3, gpu_seconds=30.0)
    state = dataclasses.replace(state, limit=60, gpu_seconds_used=240.0, out_of_memory=lost)
    said = "out of memory: 3 failed, 30 s: 5.0% of the trials, 12.5% of the time"
    assert show.out_of_memory(state) == said
