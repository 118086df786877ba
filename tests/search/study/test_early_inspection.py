"""An early worker finds in the data what a process of its own finds, and keeps them."""

import numpy as np
import pytest

from studyhall.search.launcher import early
from studyhall.search.process.device import Device
from studyhall.search.study import early_inspection, inspection, record, unchanged
from studyhall.search.study.early_inspection import Read, Request
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.failures import UserCodeError

CPU = Device(None, 1)
OWN = """
import os
import numpy as np

def load():
    return np.arange(200.0).reshape(100, 2), np.arange(100) % 2

def streams():
    import tensorflow as tf
    whole = tf.data.Dataset.from_tensor_slices(load()).batch(10)
    return whole, whole, whole

def broken():
    raise OSError("no cable")

def crashed():
    os._exit(7)
"""

BUILD = """
import keras
from pathlib import Path

def build(trial, input_shape, outputs):
    with Path(__file__).with_name("tried").open("a") as tried:
        print(os.getpid(), file=tried)
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
"""


@pytest.fixture
def written(tmp_path, study_file):
    """Writes study file and data: the file checked, with another seed, and its path."""
    (tmp_path / "mine.py").write_text(OWN)
    numbers = np.random.default_rng(0).random(90)
    rows = [f"{number},{'abc'[index % 3]}" for index, number in enumerate(numbers)]
    (tmp_path / "table.csv").write_text("\n".join(["number,letter", *rows, rows[0]]) + "\n")

    def write(**changes):
        path = tmp_path / "study.toml"
        path.write_text(study_file(**changes))
        return config.load(path, {"study": {"seed": 5}}), path

    return write


@pytest.fixture
def waiting(tmp_path):
    """The early workers of a launch with one worker."""
    with early.workers("iris", [CPU], f"sqlite:///{tmp_path}/studyhall.db") as started:
        yield started


@pytest.mark.parametrize(
    "data",
    [
        {"source": "sklearn:wine", "split": [0.5, 0.25, 0.25]},
        {"source": "table.csv", "target": "letter"},  # with a row that is there twice
        pytest.param({"source": "mine.py:load"}, marks=pytest.mark.slow),
        pytest.param({"source": "mine.py:streams"}, marks=pytest.mark.slow),
    ],
    ids=lambda data: data["source"],
)
def test_it_finds_the_same(written, waiting, data):
    file, path = written(data=data)
    found = early_inspection.found(waiting[0], file, path)
    assert found == inspection.inspect_apart(file, path)
    assert waiting[0].poll() is None


def test_mistakes_are_told_in_the_same_words(written, waiting):
    file, path = written(data={"source": "table.csv", "target": "weight"})
    with pytest.raises(ConfigError) as expected:
        inspection.inspect_apart(file, path)
    with pytest.raises(ConfigError) as told:
        early.inspected(file, path, waiting)
    assert told.value.problems == expected.value.problems
    waiting[0].wait(60)


@pytest.mark.slow
def test_what_fails_in_the_users_code_is_seen_by_the_launcher(written, waiting):
    file, path = written(data={"source": "mine.py:broken"})
    with pytest.raises((ConfigError, UserCodeError)) as told:
        early.inspected(file, path, waiting)
    assert "no cable" in str(told.value) and waiting[0].wait(60) == 2


@pytest.mark.slow
def test_a_worker_that_dies_over_it_is_no_answer(written, waiting):
    file, path = written(data={"source": "mine.py:crashed"})
    assert early_inspection.found(waiting[0], file, path) is None
    assert waiting[0].returncode == 7


@pytest.mark.slow
def test_models_are_tried_elsewhere(written, waiting, tmp_path):
    """What the user's models leave behind must not be where trials train."""
    with (tmp_path / "mine.py").open("a") as code:
        code.write(BUILD)
    early.inspected(*written(model={"family": "mine.py:build"}), waiting)
    tried = (tmp_path / "tried").read_text().split()
    assert tried and str(waiting[0].pid) not in tried and waiting[0].poll() is None


def test_a_request_is_the_study_file_without_its_password(written):
    file, path = written(study={"storage": "postgresql://me:secret@host/studies"})
    line = Request(file, path).line()
    request = Request.of(line)
    assert "secret" not in line and "\n" not in line
    assert (request.path, request.file.data, request.file.study.seed) == (path, file.data, 5)
    assert Request.of("load") is None


def test_data_are_read_once(studio):
    study = studio.study()
    stored = record.stored(study)
    data = inspection.load(stored.file, studio.folder / "study.toml")
    read = Read(stored.file, studio.folder, data)
    assert unchanged.load(stored, studio.folder, study, read) is data
    assert unchanged.load(stored, studio.folder, study) is not data


@pytest.mark.parametrize(
    "other",
    [
        {"data": {"split": [0.5, 0.25, 0.25]}},
        {"data": {"folds": 3}},
        {"data": {"normalize": "none"}},
        {"model": {"family": "mine.py:build"}},  # which gets arrays as they are
    ],
    ids=str,
)
def test_other_data_are_read_again(written, other):
    file, path = written()
    data = inspection.load(file, path)
    read = Read(file, path.parent, data)
    assert read.taken(file, path.parent, 5) is data and read.data is None
    for asked in (
        (written(**other)[0], path.parent, 5),
        (file, path.parent, 6),
        (file, path.parent.parent, 5),
    ):
        read = Read(file, path.parent, data)
        assert read.taken(*asked) is None and read.data is None


def test_streams_are_read_again(written):
    """Their random numbers have moved on while they were inspected."""
    file, path = written(data={"source": "mine.py:streams"}, model={"family": "mine.py:build"})
    assert Read(file, path.parent, inspection.load(file, path)).taken(file, path.parent, 5) is None
