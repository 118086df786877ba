"""A first study from its file to its proven model, as a user runs it."""

import csv
import json
import math
import re
import signal
import subprocess
import sys
import time

import numpy as np
import optuna
import pexpect
import pytest
import sqlalchemy as sa

from studyhall.search.data import loading
from studyhall.search.study_file import config
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

SIX = {
    "study": {"trials": 6, "seed": 3},
    "training": {"epochs": 12, "patience": 4},
    "space": {
        "width": {"low": 4, "high": 16},
        "optimizer": ["adam", "sgd"],
        "decay": "inverse_time",  # schedule and loss are studyhall's own classes:
        "label_smoothing": 0.02,  # the exported model must not need them
    },
}


@pytest.fixture(scope="module")
def six(new_folder):
    """A folder in which a study of six trials was launched; `printed` is what the user saw."""
    folder = new_folder()
    folder.study(**SIX)
    folder.printed = folder.run("launch", "study.toml")
    return folder


# The study file


def test_a_new_study_file_is_one_that_can_be_launched(folder):
    written = folder.here("new", "first.toml")
    assert written == "first.toml written; next: studyhall check first.toml\n"
    printed = folder.here("check", "first.toml")
    for part in ("training", "learning_rate", "0.1, log", "smallest", "largest"):
        assert part in printed, printed
    assert re.search(r"at most \d+ trials × \d+ epochs", printed), printed
    assert folder.files() == {"first.toml"}


def test_a_study_file_that_exists_is_not_overwritten(folder, typed):
    folder.write("first.toml", "mine")
    assert typed("new", "first.toml")[0] == 2
    assert (folder.path / "first.toml").read_text() == "mine"


# One launch


def test_every_finished_trial_has_its_line(six):
    lines = re.findall(r"^\d\d:\d\d:\d\d trial (\d+) (complete|pruned|failed): ", six.printed, re.M)
    assert sorted(int(number) for number, _ in lines) == [*range(6)]
    assert "proven: reloaded in a fresh process" in six.printed
    assert "accuracy" in six.printed and "setosa" in six.here("best", "iris", "--full")


def test_the_count_is_exact(six):
    found = six.json("status", "iris")
    assert (found["trials"], found["finished"], found["left"], found["running"]) == (6, 6, 0, 0)
    assert found["complete"] + found["pruned"] + found["failed"] == 6
    assert found["workers"] == []
    assert six.json("status") == [found]


def test_the_trials_are_what_was_asked_for(six):
    trials = six.json("trials", "iris")
    assert [trial["trial"] for trial in trials] == [*range(6)]
    for trial in trials:
        assert set(trial["params"]) == {"width", "optimizer", "learning_rate"}
        assert 4 <= trial["params"]["width"] <= 16 and isinstance(trial["params"]["width"], int)
        assert trial["state"] == "complete" and trial["value"] > 0
        assert 1 <= trial["best_epoch"] <= trial["epochs"] <= 12
        early = trial["epochs"] == trial["best_epoch"] + 4 and trial["stopped"] == "patience"
        assert early or trial["epochs"] == 12
        assert trial["finished_at"] > trial["started_at"]
    assert trials[0]["params"]["learning_rate"] == 1e-3  # the textbook's comes first


def test_the_trials_as_csv(six):
    assert six.run("trials", "iris", "--csv", "trials.csv") == "trials.csv: 6 trials\n"
    with (six.path / "trials.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    trials = six.json("trials", "iris")
    assert [float(row["value"]) for row in rows] == [trial["value"] for trial in trials]
    assert [row["optimizer"] for row in rows] == [t["params"]["optimizer"] for t in trials]


def test_a_value_is_the_least_validation_loss(six):
    db = Database.open(f"sqlite:///{six.path}/studyhall.db")
    study = optuna.load_study(study_name="iris", storage=db.optuna_storage())
    db.close()
    trials = {trial["trial"]: trial for trial in six.json("trials", "iris")}
    for trial in study.trials:
        assert trial.value == min(trial.intermediate_values.values())
        assert trial.value == trials[trial.number]["value"]
        assert trial.params == trials[trial.number]["params"]
    assert study.best_trial.number == six.json("best", "iris")["trial"]


def test_the_best_is_proven_and_tested(six):
    best = six.json("best", "iris")
    assert best["value"] == min(trial["value"] for trial in six.json("trials", "iris"))
    assert best["missing"] == []
    assert best["proof"]["recorded"] == best["value"] and best["proof"]["difference"] < 1e-5
    scores = best["test"]["scores"]
    assert best["test"]["times"] == 1 and scores["samples"] == 30
    assert np.sum(scores["confusion"]) == 30 and len(scores["classes"]) == 3
    assert best["metrics"]["val_loss"] == best["value"]


IN_PLAIN_KERAS = """
import json, sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
found = np.load(sys.argv[2])
predicted = model.predict(found["x"], verbose=0)
loss = -np.mean(np.log(predicted[np.arange(len(found["y"])), found["y"]]))
ours = [name for name in ("studyhall", "search", "spaces", "storage") if name in sys.modules]
print(json.dumps({"loss": float(loss), "ours": ours}))
"""


@pytest.mark.slow
def test_the_exported_model_serves_in_plain_keras_on_raw_inputs(six):
    assert "best of iris" in six.run("best", "iris", "--export", "export")
    card = json.loads((six.path / "export" / "best.json").read_text())
    file = config.load(six.path / "study.toml")
    validation = loading.load(file.data, seed=3, folder=six.path).validation
    assert validation.x.max() > 4  # centimetres, as the table has them
    np.savez(six.path / "raw.npz", x=validation.x, y=validation.y)
    command = [sys.executable, "-I", "-c", IN_PLAIN_KERAS, "export/model.keras", "raw.npz"]
    answer = subprocess.run(command, cwd=six.path, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout)
    assert found["ours"] == []
    assert found["loss"] == pytest.approx(card["value"], abs=1e-5)
    assert card["classes"] == ["setosa", "versicolor", "virginica"]
    assert card["model_sha256"] == card["proof"]["model_sha256"]


def test_nothing_that_it_leaves_is_readable_for_others(six):
    six.here("report", "iris", "--output", "own.html")
    six.here("trials", "iris", "--csv", "own.csv")
    six.here("best", "iris", "--export", "own")
    made = ("studyhall.db", "studyhall-artifacts", "own", "own.html", "own.csv")
    found = [each for name in made for each in (six.path / name, *(six.path / name).rglob("*"))]
    modes = {path.relative_to(six.path): path.stat().st_mode & 0o777 for path in found}
    assert {modes[path] for path in modes if (six.path / path).is_file()} == {0o600}, modes
    assert {modes[path] for path in modes if (six.path / path).is_dir()} == {0o700}, modes
    inside = {path.parts[-1] for path in modes}
    assert inside >= {"model.keras", "best.json", "worker-1.log"}, inside


def test_an_export_to_a_full_disk_is_one_line(six, small_disk):
    disk = small_disk(8192)
    answer = six.answer("best", "iris", "--export", str(disk / "export"))
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert line.startswith(str(disk)) and line.endswith(": No space left on device")
    assert list((disk / "export").iterdir()) == []


ASKED = """
import json, sys
from studyhall.__main__ import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["studyhall", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, words
    print(words, [name for name in sys.modules if "." not in name], file=sys.stderr)
"""


def test_questions_never_wait_for_tensorflow(six):
    questions = [["status"], ["trials", "iris"], ["best", "iris"], ["doctor"]]
    answer = subprocess.run(
        [sys.executable, "-c", ASKED, json.dumps(questions)],
        cwd=six.path, env=six.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = answer.stderr.splitlines()
    assert len(said) == len(questions)
    for line in said:
        assert "'studyhall'" in line
        for slow in ("tensorflow", "keras", "sklearn", "pandas"):
            assert f"'{slow}'" not in line, line


# The same study again


@pytest.fixture(scope="module")
def again(new_folder, new_database):
    """The same study on PostgreSQL, with a password; `answers` of all commands."""
    folder, url = new_folder(), new_database().replace("postgres:@", "postgres:sesame@")
    assert "sesame" in url
    folder.study(**SIX | {"study": {**SIX["study"], "storage": url}})
    folder.answers = [folder.answer("launch", "study.toml", "--quiet")]
    folder.environment["STUDYHALL_STORAGE"] = url
    for words in (["status"], ["best", "iris", "--json"]):
        folder.answers.append(folder.answer(*words))
    return folder


@pytest.mark.slow
def test_a_second_run_gives_the_same_values(six, again):
    printed = again.answers[0].stdout
    assert "trial 0 complete" not in printed and "best of iris" in printed
    best = json.loads(again.answers[2].stdout)
    assert best["missing"] == [] and best["proof"]["difference"] < 1e-6
    assert [t.value for t in again.trials("iris")] == [t.value for t in six.trials("iris")]
    assert [t.params for t in again.trials("iris")] == [t.params for t in six.trials("iris")]


@pytest.mark.slow
def test_its_best_trials_are_confirmed(again):
    again.answers.append(again.answer("confirm", "iris", "--top", "2", "--seeds", "2", "--json"))
    found, best = json.loads(again.answers[-1].stdout), again.json("best", "iris")
    assert (found["current"], found["left"], best["missing"]) == (True, 0, [])
    assert found["winner"] == best["trial"] and best["confirmation"] == found
    assert len(found["trials"]) == 2 and len({*found["trials"][0]["values"]}) == 2
    assert best["proof"]["recorded"] == min(found["trials"][0]["values"])
    assert best["model"]["value"] == best["proof"]["recorded"]
    assert "confirmed with 2 new seeds: mean " in again.here("best", "iris")


@pytest.mark.slow
def test_a_password_is_neither_printed_nor_stored(again):
    """It holds for all commands: launches and questions."""
    for answer in [*again.answers, again.answer("launch", "study.toml")]:
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert "sesame" not in answer.stdout + answer.stderr
    assert "sesame" not in again.log("iris")
    files = [path for path in again.path.rglob("*") if path.is_file()]
    told = [path.name for path in files if b"sesame" in path.read_bytes()]
    assert told == ["study.toml"]
    assert "sesame" not in everything_in(again.environment["STUDYHALL_STORAGE"])


def everything_in(url):
    """Every row of every table of a database, as text."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [connection.execute(sa.select(table)).all() for table in tables.sorted_tables]
    engine.dispose()
    assert any("iris" in str(found) for found in rows)
    return str(rows)


def test_a_changed_file_shows_what_applies_and_what_does_not(six):
    study = SIX["study"]
    six.study("other.toml", **SIX | {"study": {**study, "seed": 4}, "workers": {"retries": 5}})
    printed = six.run("launch", "other.toml").splitlines()
    assert printed[:3] == [
        'study "iris" exists and continues; other.toml differs:',
        "  study.seed: 3 → 4: ignored, the stored value is kept",
        "  workers.retries: 3 → 5: applies from now on",
    ]
    assert len(six.trials("iris")) == 6


@pytest.mark.slow
def test_more_trials(six):
    six.run("resume", "iris", "--trials", "+2")
    numbers = [trial.number for trial in six.trials("iris")]
    found = six.json("best", "iris")
    assert numbers == [*range(8)] and found["missing"] == []
    assert len(found["test_uses"]) == 1 and (found["test"] is None) == (found["trial"] >= 6)
    six.run("resume", "iris", "--trials", "8")  # eight in all: nothing is left to do
    assert len(six.trials("iris")) == 8


def test_until_it_is_deleted(six):
    """Last of those that share the study."""
    left = len(six.trials("iris"))
    assert "Delete study" in six.run("delete", "iris", typed="n\n")
    assert len(six.trials("iris")) == left
    six.run("delete", "iris", typed="y\n")
    assert six.json("status") == []
    assert list((six.path / "studyhall-artifacts").iterdir()) == []


# Interruptions

SLEEPY = """
import time
import keras

def loss(targets, predicted):
    time.sleep(0.1)
    return keras.losses.sparse_categorical_crossentropy(targets, predicted)

def build(trial, input_shape, outputs):
    model = keras.Sequential([
        keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dropout(0.2),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"], run_eagerly=True)
    return model
"""
SLOW = {
    "study": {"name": "slow", "trials": 2},
    "data": {"source": "sklearn:digits", "samples": 150},
    "model": {"family": "mine.py:build"},
    "training": {"epochs": 14, "patience": "none"},
    "space": {"width": None, "learning_rate": None},
}


def on_a_terminal(folder, *arguments):
    """The command as a user sees it: on a real terminal."""
    command = ["-P", "-m", "studyhall", *arguments]
    environment = {**folder.environment, "TERM": "xterm"}
    return pexpect.spawn(
        sys.executable, command, cwd=folder.path, env=environment, encoding="utf-8",
        timeout=240, dimensions=(40, 140),
    )  # fmt: skip


def test_an_interrupted_study_equals_one_that_never_was(new_folder, interrupted):
    """First by Ctrl-C on a terminal, then as a worker by hand; the first checkpoint is damaged."""
    whole, broken = new_folder(), new_folder()
    for folder in (whole, broken):
        folder.write("mine.py", SLEEPY)
        folder.study(**SLOW)
    whole.create("study.toml")
    whole.here("worker", "slow")

    terminal = on_a_terminal(broken, "launch", "study.toml")
    terminal.expect("0 complete, 0 pruned, 0 failed, 2 left of 2")
    terminal.expect(r"worker-1 +0 +[1-9]\d* of 14 +\d+ s +\d+ s +\d\.\d+")  # epoch, times, loss
    terminal.sendintr()
    for part in ("stopping after the current epochs", "studyhall resume slow", pexpect.EOF):
        terminal.expect(part)
    terminal.close()
    assert terminal.exitstatus == 130
    found = broken.json("status", "slow")
    assert (found["finished"], found["running"], found["waiting"], found["left"]) == (0, 0, 1, 2)
    (checkpoint,) = (broken.path / "studyhall-artifacts" / "slow").glob("checkpoint-*")
    damaged = bytearray(checkpoint.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    checkpoint.write_bytes(damaged)

    def in_the_middle_of_the_second_trial():
        running = broken.status("slow").running
        return any(one.held and one.number == 1 and one.epoch >= 3 for one in running)

    printed = interrupted(broken, in_the_middle_of_the_second_trial, "worker", "slow")
    assert "trial 0 restarts: its checkpoint can't be used" in printed
    assert [trial.state for trial in broken.trials("slow")] == ["COMPLETE", "RUNNING"]

    broken.here("worker", "slow")
    expected, found = whole.trials("slow"), broken.trials("slow")
    assert [trial.attempt for trial in found] == [2, 2]  # in the same rows
    assert [trial.value for trial in found] == [trial.value for trial in expected]
    assert [trial.params for trial in found] == [trial.params for trial in expected]
    assert found[1].repeated_epochs == 0  # its checkpoint was whole: no epoch was trained twice
    for one, other in zip(found, expected, strict=True):
        assert histories(broken, one) == histories(whole, other)
    assert list((broken.path / "studyhall-artifacts" / "slow").glob("checkpoint-*")) == []


def histories(folder, trial):
    """Epochs and losses of a trial."""
    db = Database.open(f"sqlite:///{folder.path}/studyhall.db")
    rows = records.history(db, trial.trial_id)
    db.close()
    return [(row["epoch"], row["value"], row["metrics"]["loss"]) for row in rows]


ENDLESS = """
import os, pathlib, time

def build(trial, input_shape, outputs):
    if "STUDYHALL_LAUNCHED" not in os.environ:
        raise RuntimeError("not the first model, which a launch looks at before it has workers")
    pathlib.Path(__file__).with_name("building").touch()
    time.sleep(600)
"""


@pytest.mark.slow
def test_twice_stops_at_once(folder):
    """In the middle of the user's own function, which would take ten minutes."""
    folder.write("mine.py", ENDLESS)
    folder.study(model={"family": "mine.py:build"})
    process = folder.start("launch", "study.toml")
    try:
        deadline = time.monotonic() + 240
        while not (folder.path / "building").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        for line in process.stdout:
            if "interrupt again" in line:
                break
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        printed = process.communicate(timeout=240)[0]
    finally:
        process.kill()
    assert process.returncode == 143 and "stopping at once" in printed
    assert time.monotonic() - began < 25, "it had to be killed"
    found = folder.json("status", "iris")
    assert (found["finished"], found["running"], found["waiting"]) == (0, 0, 1)


@pytest.mark.slow
def test_a_proof_that_is_interrupted_is_made_up_for(folder):
    folder.study(study={"trials": 1})
    terminal = on_a_terminal(folder, "launch", "study.toml")
    terminal.expect("proving the best model")
    terminal.sendintr()
    for part in (
        r"its best model is saved, but\s+not\s+proven",
        "studyhall resume iris",
        pexpect.EOF,
    ):
        terminal.expect(part)
    terminal.close()
    assert terminal.exitstatus == 130
    assert folder.json("best", "iris")["missing"] == ["export", "proof", "test scores"]
    assert "proven: reloaded in a fresh process" in folder.run("resume", "iris")


@pytest.mark.slow
def test_stop_reaches_workers_of_a_launch_and_those_by_hand(folder):
    """They hand back what would have taken them minutes."""
    folder.write("mine.py", SLEEPY)
    folder.study(**{**SLOW, "training": {**SLOW["training"], "epochs": 5000}})
    launch = folder.start("launch", "study.toml", "--workers", "1")
    by_hand = None
    try:
        wait_for(folder, launch, lambda found: found.running)
        by_hand = folder.start("worker", "slow")
        wait_for(folder, by_hand, lambda found: len([r for r in found.running if r.epoch]) == 2)
        printed = folder.run("stop", "slow", "--wait", "100")
        launched, alone = (each.communicate(timeout=60)[0] for each in (launch, by_hand))
    finally:
        for process in (launch, by_hand):
            if process is not None:
                process.kill()
    assert "stop: 2 workers" in printed and "all workers have stopped" in printed
    assert (launch.returncode, by_hand.returncode) == (143, 143), launched + alone
    assert "somebody stopped the study" in launched and "studyhall resume slow" in launched
    found = folder.json("status", "slow")
    assert (found["finished"], found["running"], found["waiting"]) == (0, 0, 2)


def wait_for(folder, process, condition):
    """Until the study stands as it shall."""
    deadline = time.monotonic() + 240
    while (found := folder.status("slow")) is None or not condition(found):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.2)


# The user's own code

TOGETHER = """
import os, pathlib, time
import keras
import numpy as np

HERE = pathlib.Path(__file__).parent / "met"

def load():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, (120, 5)).astype("float32")
    return x, (x[:, 0] > x[:, 1]).astype("int64")

def build(trial, input_shape, outputs):
    HERE.mkdir(exist_ok=True)
    if "STUDYHALL_LAUNCHED" in os.environ:
        (HERE / str(os.getpid())).touch()
    deadline = time.monotonic() + 100
    while "STUDYHALL_LAUNCHED" in os.environ and len(list(HERE.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    units = trial.suggest_int("units", 2, 6)
    return keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(units, activation=trial.suggest_categorical("how", ["relu", "tanh"])),
        keras.layers.Dropout(trial.suggest_float("dropout", 0.0, 0.3)),
        keras.layers.Dense(outputs, activation="sigmoid"),
    ])
"""


@pytest.fixture(scope="module")
def together(new_folder):
    """A study of the user's own model and data, by two workers that wait for each other.

    Model and data lie beside the study file, which is launched from elsewhere.
    """
    folder = new_folder()
    folder.write("project/mine.py", TOGETHER)
    folder.study(
        "project/study.toml",
        study={"name": "own", "trials": 7},
        data={"source": "mine.py:load"},
        model={"family": "mine.py:build"},
        space={"width": None, "dropout": 0.1},
    )
    folder.printed = folder.run("launch", "project/study.toml", "--workers", "2")
    return folder


def test_two_workers_share_one_budget_exactly(together):
    trials = together.trials("own")
    assert [trial.number for trial in trials] == [*range(7)]
    assert {trial.state for trial in trials} <= {"COMPLETE", "PRUNED"}
    workers = {trial.worker.partition("@")[0] for trial in trials}
    assert workers == {"worker-1", "worker-2"}
    best = together.json("best", "own")
    assert best["value"] == min(t.value for t in trials if t.state == "COMPLETE")
    models = (together.path / "studyhall-artifacts" / "own").glob("model-*.keras")
    assert [path.name.split("-")[2] for path in models] == [str(best["trial"])]


def test_the_users_own_suggestions_mix_with_the_space(together):
    for trial in together.trials("own"):
        assert set(trial.params) == {"learning_rate", "units", "how"}
        assert trial.attributes["values"]["dropout"] == 0.1  # the study file's, not the code's
        assert 1e-3 <= trial.attributes["values"]["learning_rate"] <= 1e-1
        assert 2 <= trial.params["units"] <= 6
    assert "accuracy" in together.printed


def test_a_worker_refuses_other_data_and_other_code(together, new_folder):
    elsewhere = new_folder()
    elsewhere.write("mine.py", TOGETHER.replace("default_rng(0)", "default_rng(1)"))
    storage = f"sqlite:///{together.path}/studyhall.db"
    answer = elsewhere.answer("worker", "own", "--storage", storage, "--folder", ".")
    assert answer.returncode == 2
    code, found = answer.stderr.splitlines()
    assert re.fullmatch(
        r"own: mine\.py: received a file with SHA-256 [0-9a-f]{12}, expected [0-9a-f]{12},"
        r" with which the study began",
        code,
    ), answer.stderr
    assert found.startswith("own: [data] source: received data with fingerprint ")


COMPILED = """
import keras

def build(trial, input_shape, outputs):
    model = keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(trial.suggest_int("units", 4, 8), activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ])
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    model.compile(keras.optimizers.SGD(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model
"""


def test_the_users_own_compiled_model(folder):
    """Its loss is the value, and wants one-hot targets, which the user need not bring."""
    folder.write("mine.py", COMPILED)
    folder.study(model={"family": "mine.py:build"}, space={"width": None, "learning_rate": None})
    folder.finish("study.toml", "iris")
    best = folder.json("best", "iris")
    assert best["proof"]["difference"] < 1e-5 and best["missing"] == []
    assert set(best["params"]) == {"units", "rate"}
    assert 0.1 < best["value"] < 3  # a crossentropy of three classes


@pytest.mark.slow
def test_a_builder_that_raises_fails_its_trials_and_then_the_study(folder):
    folder.write("mine.py", "def build(trial, shape, n):\n    return {}[trial.number]\n")
    folder.study(study={"trials": 5}, model={"family": "mine.py:build"})
    answer = folder.answer("launch", "study.toml")
    assert answer.returncode == 2
    trials = folder.trials("iris")
    assert [trial.state for trial in trials] == ["FAIL"] * 3
    for trial in trials:
        reason = f"mine.py, line 2: KeyError: {trial.number}"
        assert trial.attributes["reason"] == reason
        assert f"trial {trial.number} failed: {reason}" in answer.stdout
    assert "return {}[trial.number]" in answer.stdout  # the user's own traceback
    assert "stopped: 3 trials failed and none succeeded" in answer.stdout


# Other data


def test_regression_by_folds(folder):
    folder.study(
        study={"name": "sugar", "trials": 3},
        data={"source": "sklearn:diabetes", "folds": 3},
        training={"epochs": 4},
    )
    folder.finish("study.toml", "sugar")
    for trial in folder.trials("sugar"):
        found = trial.attributes["folds"]
        assert len(found) == 3 and trial.value == pytest.approx(np.mean(found))
        assert trial.attributes["standard_error"] == pytest.approx(np.std(found, ddof=1) / 3**0.5)
        assert trial.epochs == 12  # of all folds
        rows = histories(folder, trial)
        assert [epoch for epoch, _, _ in rows] == [1, 2, 3, 4] * 3
    best = folder.json("best", "sugar")
    scores = best["test"]["scores"]
    assert best["missing"] == [] and best["proof"]["difference"] < 1e-2 * best["value"]
    assert scores["rmse"] >= scores["mae"] > 0 and math.isfinite(scores["rmse"])


# Another place


def test_a_project_may_be_moved(new_folder):
    before, after = new_folder(), new_folder()
    before.write("mine.csv", "a,b\n" + "".join(f"{n % 7 / 2},{'xy'[n % 2]}\n" for n in range(40)))
    table = {"source": "mine.csv", "target": "b"}
    before.study(study={"name": "own"}, data=table, training={"epochs": 2})
    before.finish("study.toml", "own")
    model = before.json("best", "own")["folder"]
    for path in before.path.iterdir():
        path.rename(after.path / path.name)
    found = after.json("best", "own")
    assert found["folder"] == model.replace(str(before.path), str(after.path))
    after.here("best", "own", "--export", "winner")
    assert (after.path / "winner" / "model.keras").exists()
    after.here("report", "own", "--output", "own.html")
    assert "y" in after.here("predict", "own", "mine.csv")
    db = Database.open(after.storage)
    studies.extend(db, studies.find(db, "own"), trials=1)
    db.close()
    after.here("worker", "own")  # reads the data and writes models in the new place
    assert [trial.state for trial in after.trials("own")] == ["COMPLETE"] * 3
    assert not (before.path / "artifacts").exists()
