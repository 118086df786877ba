"""Mistakes of users: each has a line with key, received and expected; nothing is written."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROWS = "\n".join(f"{n},{n % 3},{'ab'[n % 2]}" for n in range(60))
TABLE = f"x,z,y\n{ROWS}\n"

# The mistakes of a study file: (what differs, lines that say so)
IN_THE_FILE = {
    "a wrong type": (
        {"study": {"trials": "many"}},
        ['[study] trials: received "many", expected a whole number ≥ 1'],
    ),
    "low above high": (
        {"space": {"dropout": {"low": 0.6, "high": 0.1}}},
        ["[space] dropout: received low = 0.6, high = 0.1, expected low ≤ high"],
    ),
    "a log range from 0": (
        {"space": {"learning_rate": {"low": 0.0, "high": 0.1, "log": True}}},
        ["[space] learning_rate: received low = 0.0", "expected low > 0"],
    ),
    "an unknown family": (
        {"model": {"family": "mpl"}},
        ['[model] family: received "mpl", expected one of mlp, cnn', 'did you mean "mlp"?'],
    ),
    "an unknown key": (
        {"training": {"epoch": 3}},
        ["[training] epoch: received an unknown key, expected epochs"],
    ),
    "an unknown hyperparameter": (
        {"space": {"learnin_rate": 0.1}},
        ["[space] learnin_rate: received an unknown hyperparameter", '"learning_rate"'],
    ),
    "an undefined condition": (
        {"space": {"momentum": {"low": 0.5, "high": 0.9, "when": {"optimiser": "sgd"}}}},
        ['[space] momentum: received when on "optimiser", expected one of width, learning_rate'],
    ),
    "an empty list": (
        {"space": {"optimizer": []}},
        ["[space] optimizer: received an empty list, expected at least one value"],
    ),
    "an unknown source": (
        {"data": {"source": "sklearn:irris"}},
        ['[data] source: received "sklearn:irris", expected', 'did you mean "iris"?'],
    ),
    "a missing data file": (
        {"data": {"source": "nowhere.csv"}},
        ['[data] source: received "nowhere.csv", which does not exist', "expected"],
    ),
    "a part without samples": (
        {"data": {"split": [0.98, 0.01, 0.01]}},
        [
            "[data] split: received [0.98, 0.01, 0.01], which leaves 2 samples for validation",
            "expected at least one of each of 3 classes",
        ],
    ),
    "more folds than samples": (
        {"data": {"samples": 60, "folds": 50}},
        ["[data] folds: received 50 for 48 samples, expected at least one sample for each"],
    ),
    "a loss that doesn't fit": (
        {"training": {"loss": "huber"}},
        ['[training] loss: received "huber", expected for multiclass data one of'],
    ),
    "artifacts below a file": (
        {"study": {"artifacts": "study.toml/deep"}},
        ['[study] artifacts: received "study.toml/deep"', "expected a writable folder"],
    ),
}

# The mistakes of a table: (its content, lines that say so)
IN_A_TABLE = {
    "empty": ("", ["[data] source: received table.csv, an empty file, expected a table"]),
    "no rows": ("x,z,y\n", ["[data] source: received table.csv without rows, expected"]),
    "ragged": (TABLE + "1,2\n1,2,a,b\n", ["[data] source: received ragged rows in table.csv"]),
    "a word among numbers": (
        TABLE + "one,2,a\n",
        ['[data] source: received "one" in table.csv, column x, row'],
    ),
    "one class": (
        TABLE.replace("b\n", "a\n"),
        ["[data] target: received one class only (a) in 60 samples, expected two classes"],
    ),
}

# The mistakes of the user's own code: (what the study file names, code, lines that say so)
IN_THE_CODE = {
    "no such function": (
        {"model": {"family": "mine.py:build"}},
        "def built(): pass",
        ['[model] family: received "mine.py:build"', 'has no function "build"', '"built"?'],
    ),
    "no such file": (
        {"model": {"family": "my.py:build"}},
        "",
        ['[model] family: received "my.py:build"', "no file", 'did you mean "mine.py"?'],
    ),
    "other arguments": (
        {"model": {"family": "mine.py:build"}},
        "def build(trial, shape): pass",
        ["takes (trial, shape), expected (trial, input_shape, outputs), (trial) or (hp)"],
    ),
    "a module that raises": (
        {"model": {"family": "mine.py:build"}},
        "limit = 3\nwidth = limit / 0\ndef build(trial, input_shape, outputs): pass\n",
        ["line 2", "width = limit / 0", "[model] family: received", "ZeroDivisionError"],
    ),
    "data that raise": (
        {"data": {"source": "mine.py:load"}},
        "def load():\n    return open('nowhere.bin')\n",
        ["line 2, in load", "[data] source: received", "FileNotFoundError"],
    ),
    "data of another kind": (
        {"data": {"source": "mine.py:load"}},
        "def load():\n    return 'iris'\n",
        ["[data] source: received str from mine.py:load, expected (x, y)"],
    ),
}


def said(err: str, *parts: str) -> bool:
    """Return True if each part stands in the lines."""
    return all(part in err for part in parts)


@pytest.mark.parametrize("mistake", IN_THE_FILE)
def test_mistakes_in_a_study_file(folder, typed, mistake):
    changes, parts = IN_THE_FILE[mistake]
    folder.study(**changes)
    before = folder.files()
    code, out, err = typed("launch", "study.toml")
    assert code == 2 and said(err, *parts), err
    assert all(line.startswith("study.toml: [") for line in err.splitlines()), err
    assert (out, folder.files()) == ("", before)


@pytest.mark.parametrize("mistake", IN_A_TABLE)
def test_mistakes_in_a_table(folder, typed, mistake):
    content, parts = IN_A_TABLE[mistake]
    folder.write("table.csv", content)
    folder.study(data={"source": "table.csv", "target": "y"})
    before = folder.files()
    code, _, err = typed("launch", "study.toml")
    assert code == 2 and said(err, "study.toml: ", *parts), err
    assert len(err.splitlines()) == 1 and folder.files() == before


@pytest.mark.parametrize("mistake", IN_THE_CODE)
def test_mistakes_in_the_users_code(folder, typed, mistake):
    changes, code, parts = IN_THE_CODE[mistake]
    folder.write("mine.py", code)
    folder.study(**changes)
    exit_code, _, err = typed("inspect", "study.toml")  # what launch asks a process of its own
    assert exit_code == 2 and said(err, "study.toml: ", *parts), err
    assert "search/" not in err  # no traceback but the user's own


@pytest.mark.slow
def test_a_launch_shows_the_users_own_traceback(folder):
    build = "def build(trial, input_shape, outputs): pass\n"
    folder.write("mine.py", f"import keras\n\nwidth = 3 / 0\n{build}")
    folder.study(model={"family": "mine.py:build"})
    before = folder.files()
    answer = folder.answer("launch", "study.toml")
    assert answer.returncode == 2 and folder.files() == before
    first, *trace, last = answer.stderr.splitlines()
    assert first == "Traceback (most recent call last):" and "width = 3 / 0" in trace[1]
    assert last.startswith('study.toml: [model] family: received "mine.py:build"')


def test_every_mistake_at_once(folder):
    folder.study(
        study={"trials": 0}, data={"folds": 0}, training={"loss": "hubert"}, space={"widht": 3}
    )
    answer = folder.answer("launch", "study.toml")
    keys = [line.split(":")[1].strip() for line in answer.stderr.splitlines()]
    assert keys == ["[study] trials", "[data] folds", "[training] loss", "[space] widht"]
    assert answer.returncode == 2 and folder.files() == {"study.toml"}


def test_a_missing_study_file(folder):
    command = [Path(sys.executable).with_name("studyhall"), "launch", "nowhere.toml"]
    answer = subprocess.run(
        command, cwd=folder.path, capture_output=True, text=True, check=False
    )  # as it is installed
    assert answer.returncode == 2 and folder.files() == set()
    assert answer.stderr == (
        "nowhere.toml: received no such file or directory, expected a study file\n"
    )


def test_toml_that_is_none(folder, typed):
    folder.write("study.toml", '[study]\nname = "iris\n')
    code, _, err = typed("launch", "study.toml")
    assert (code, err.count("\n")) == (2, 1) and err.startswith("study.toml: line 2, column ")


def test_check_tells_of_the_same_mistakes(folder, typed):
    folder.study(training={"loss": "huber"}, data={"split": [0.98, 0.01, 0.01]})
    code, _, err = typed("check", "study.toml")
    assert code == 2 and err.startswith("study.toml: [data] split: received"), err


@pytest.mark.parametrize(
    ("returns", "parts"),
    [
        ("'a model'", ["build returned str, expected a keras.Model"]),
        ("1 / 0", ["Traceback", "return 1 / 0", "mine.py, line 2: ZeroDivisionError"]),
    ],
)
def test_check_tells_of_a_builder_that_builds_no_model(folder, typed, returns, parts):
    folder.write("mine.py", f"def build(trial, input_shape, outputs):\n    return {returns}\n")
    folder.study(model={"family": "mine.py:build"})
    code, _, err = typed("check", "study.toml")
    assert code == 2 and said(err, 'study.toml: [model] family: received "mine.py:build"', *parts)


def test_check_tells_of_a_space_without_any_model(folder, typed):
    folder.study(model={"family": "cnn"}, space={"learning_rate": None})
    code, _, err = typed("check", "study.toml")
    assert code == 2 and said(err, "study.toml: [space]: ", 'family = "cnn" needs images'), err


@pytest.mark.parametrize("mistake", ["other sizes", "none at all"])
def test_images_of_the_wrong_size(folder, typed, mistake):
    for index in range(12):
        size = 9 if index == 0 and mistake == "other sizes" else 8
        picture = Image.fromarray(np.full((size, 8), index, np.uint8))
        path = folder.write(f"photos/{'ab'[index % 2]}/{index}.png", b"")
        if mistake == "other sizes":
            picture.save(path)
    folder.study(data={"source": "photos"})
    code, _, err = typed("launch", "study.toml")
    assert code == 2 and said(err, "study.toml: [data] ", "received", "expected"), err
    assert said(err, "image_size" if mistake == "other sizes" else "unreadable images"), err


def test_a_database_out_of_reach(folder):
    folder.study()
    url = "postgresql://ann:sesame@127.0.0.1:1/studies"
    answer = folder.answer("launch", "study.toml", "--storage", url)
    assert answer.returncode == 2 and folder.files() == {"study.toml"}
    *waits, said = answer.stderr.splitlines()
    assert said.startswith("postgresql://ann:***@127.0.0.1:1/studies: not reachable"), answer.stderr
    assert "Connection refused" in said and "sesame" not in answer.stderr
    assert all(line.startswith("waiting for the database ") for line in waits)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mysql://ann:sesame@host/db", ["[study] storage", "expected sqlite:///file.db or"]),
        ("sqlite:////dev/null/studies.db", ["there is no folder /dev/null"]),
    ],
)
def test_a_database_that_is_none(folder, typed, url, parts):
    folder.study()
    code, out, err = typed("launch", "study.toml", "--storage", url)
    assert code == 2 and said(err, *parts) and err.count("\n") == 1, err
    assert "sesame" not in out + err and folder.files() == {"study.toml"}


def test_questions_about_what_is_not_there(folder, typed):
    for command in (("status",), ("trials", "iris"), ("best", "iris"), ("resume", "iris")):
        code, _, err = typed(*command)
        assert code == 2 and err == (
            "sqlite:///studyhall.db: there is no such file; the first launch creates it"
            " (--storage or STUDYHALL_STORAGE selects another database)\n"
        )
    assert folder.files() == set()


@pytest.fixture
def read_only(folder, tmp_path_factory) -> Iterator[Path]:
    """A folder that nobody may write to, root included: a file system mounted read-only."""
    place = tmp_path_factory.mktemp("read-only")
    if os.geteuid() != 0:
        place.chmod(0o555)
        yield place
        place.chmod(0o755)
        return
    _mount(place, "ro")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path_factory) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path_factory.mktemp("small-disk")
    _mount(place, "size=64k")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(place: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip(f"this user may not mount a file system: {answer.stderr.strip()}")


def test_a_read_only_folder(folder, read_only, typed, monkeypatch):
    study = folder.study()
    monkeypatch.chdir(read_only)
    code, _, err = typed("launch", str(study))
    assert code == 2 and err.count("\n") == 1, err
    assert said(err, "[study] artifacts: received", "is not writable"), err
    study = folder.study(study={"artifacts": str(folder.path / "artifacts")})
    code, _, err = typed("launch", str(study))
    assert code == 2 and err.count("\n") == 1 and said(err, "sqlite:///studyhall.db"), err
    code, _, err = typed("new", "first.toml")
    assert (code, err) == (
        2, "first.toml: received Read-only file system, expected a writable file\n"
    ) or os.geteuid() != 0, err  # fmt: skip
    assert list(read_only.iterdir()) == [] and folder.files() == {"study.toml"}


@pytest.fixture(scope="module")
def finished(new_folder):
    """A folder with a finished study, whose model has more than 60 kB."""
    folder = new_folder()
    folder.study(study={"trials": 1}, space={"width": 128, "depth": 2})
    folder.finish("study.toml", "iris")
    return folder


def test_another_space_under_the_name_of_a_study(finished):
    finished.study(study={"trials": 1}, space={"width": 128, "depth": 3, "dropout": 0.1})
    answer = finished.answer("launch", "study.toml")
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "study.toml: [space] depth: received 3, expected 2",
        "study.toml: [space] dropout: received 0.1, expected nothing",
        'study.toml: study "iris" already exists with the expected values; to change'
        " them, use another [study] name",
    ]
    assert [trial.number for trial in finished.trials("iris")] == [0]


def test_other_data_under_the_name_of_a_study(finished, new_folder):
    other = new_folder()
    other.study(study={"trials": 1}, space={"width": 128, "depth": 2})
    (other.path / "studyhall.db").symlink_to(finished.path / "studyhall.db")
    text = (other.path / "study.toml").read_text()
    other.write("study.toml", text.replace("sklearn:iris", "sklearn:wine"))
    answer = other.answer("launch", "study.toml")
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        'study.toml: [data] source: received "sklearn:wine", expected "sklearn:iris"'
    ), answer.stderr


def test_a_disk_that_is_full_while_exporting(finished, small_disk):
    target = small_disk / "deep" / "export"
    answer = finished.answer("best", "iris", "--export", str(target))
    assert answer.returncode == 2 and list(target.iterdir()) == []
    assert answer.stderr == f"{target}/model.keras: No space left on device\n"


def test_a_file_too_large_for_the_system_while_exporting(finished):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))  # what a child inherits
    try:
        answer = finished.answer("best", "iris", "--export", "export")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.returncode == 2 and answer.stderr.count("\n") == 1, answer.stderr
    assert "export/model.keras: " in answer.stderr
    assert list((finished.path / "export").iterdir()) == []


@pytest.mark.parametrize("target", ["/dev/full", "study.toml/trials.csv"])
def test_a_csv_that_cannot_be_written(finished, target):
    answer = finished.answer("trials", "iris", "--csv", target)
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"{target}: received ") and answer.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_damaged_model_of_the_winner(finished):
    (model,) = (finished.path / "artifacts" / "iris").glob("model-*.keras")
    whole = model.read_bytes()
    model.write_bytes(whole[:-100])
    answer = finished.answer("finish", "iris")
    model.write_bytes(whole)
    assert answer.returncode == 3
    proof = json.loads(answer.stdout)["proof"]
    assert (proof["proven"], proof["trial"]) == (False, 0)
    assert proof["why"] == f"its saved model at {model} was altered or cut off"


def test_trials_to_come_in_words(finished):
    answer = finished.answer("resume", "iris", "--trials", "+many")
    assert answer.returncode == 2
    assert answer.stderr == (
        "command line: --trials: received '+many', expected +20 for twenty more,"
        " or the new total, at least 1\n"
    )
