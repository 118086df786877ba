"""The data and the code that a study begins with, looked at before anything is written."""

import subprocess
import sys

import numpy as np
import pytest

from studyhall.search.study import fingerprints, inspection
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study.inspection import NamedFunction
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.failures import UserCodeError

OWN = """
import keras
import numpy as np

def load():
    return np.arange(200.0).reshape(100, 2), np.arange(100) % 2

def build(trial, input_shape, outputs):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
"""


@pytest.fixture
def written(tmp_path, study_file):
    """Writes study file and code: the file checked, and its path."""

    def write(code=OWN, **changes):
        (tmp_path / "mine.py").write_text(code)
        path = tmp_path / "study.toml"
        path.write_text(study_file(**changes))
        return config.load(path), path

    return write


def test_the_same_data_have_the_same_fingerprint(written):
    found = [inspection.inspect(*written()) for _ in range(2)]
    assert found[0] == found[1] and len(found[0].data) == 64 and found[0].code == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"study": {"seed": 1}},
        {"data": {"source": "sklearn:wine"}},
        {"data": {"split": [0.5, 0.25, 0.25]}},
        {"data": {"folds": 3}},
    ],
)
def test_what_changes_the_arrays_or_their_split_changes_the_fingerprint(written, changes):
    assert inspection.inspect(*written()).data != inspection.inspect(*written(**changes)).data


def test_code_is_known_by_its_content(written):
    own = {"data": {"source": "mine.py:load"}, "model": {"family": "mine.py:build"}}
    first = inspection.inspect(*written(**own))
    file, path = written(OWN + "# more\n", **own)
    assert set(first.code) == {"mine.py"}
    assert fingerprints.of_code(file, path.parent)["mine.py"] != first.code["mine.py"]


def test_what_differs_is_told_in_a_line_each():
    stored = Inspection("a" * 64, {"mine.py": "b" * 64, "data.py": "c" * 64})
    assert fingerprints.differing(stored, stored) == []
    assert fingerprints.differing(stored, Inspection("d" * 64, {"mine.py": "e" * 64})) == [
        "mine.py: received a file with SHA-256 eeeeeeeeeeee, expected bbbbbbbbbbbb, with which the"
        " study began",
        "data.py: received a file with SHA-256 none, expected cccccccccccc, with which the study"
        " began",
        "[data] source: received data with fingerprint dddddddddddd, expected aaaaaaaaaaaa, with"
        " which the study began",
    ]


def test_a_launcher_looks_without_tensorflow(written):
    """Even where the user's code needs it: a process of its own finds the same."""
    own = {"data": {"source": "mine.py:load"}, "model": {"family": "mine.py:build"}}
    file, path = written(**own)
    code = (
        "import sys; from pathlib import Path; from studyhall.search.study import inspection\n"
        "from studyhall.search.study_file import config\n"
        f"path = Path({str(path)!r})\n"
        "found = inspection.inspect_apart(config.load(path), path)\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
        "print(inspection.to_json(found))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == inspection.to_json(inspection.inspect(file, path))


def test_sources_of_ours_are_looked_at_in_this_process(written, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    file, path = written()
    assert inspection.inspect_apart(file, path) == inspection.inspect(file, path)


@pytest.mark.slow
def test_a_process_that_crashes_is_a_bug(written):
    file, path = written(
        "import os\nos._exit(7)\ndef build(t, i, o): pass\n", model={"family": "mine.py:build"}
    )
    with pytest.raises(RuntimeError):
        inspection.inspect_apart(file, path)


def test_mistakes_are_named(written):
    file, path = written(data={"source": "nowhere.npz"})
    with pytest.raises(ConfigError, match=r'^study.toml: \[data\] source: received "nowhere.npz"'):
        inspection.inspect(file, path)
    file, path = written(training={"metrics": ["r2_score"]})
    with pytest.raises(ConfigError, match=r'^study.toml: \[training\] metrics: received "r2_'):
        inspection.inspect(file, path)


def test_a_loss_that_float32_cannot_compute(written, tmp_path):
    x = np.random.default_rng(0).random((60, 2))
    np.savez(tmp_path / "d.npz", x=x, y=x.sum(axis=1) * 1e-4)
    file, path = written(data={"source": "d.npz"}, training={"loss": "log_cosh"})
    with pytest.raises(ConfigError, match=r'"log_cosh" for targets that differ by about .*e-05'):
        inspection.inspect(file, path)


def test_the_users_own_exception_stays_the_cause():
    own = NamedFunction("[model] family", "mine.py:build", "a function")
    cause = KeyError("width")
    with pytest.raises(UserCodeError) as caught, inspection.naming("study.toml", own):
        raise UserCodeError("line 3: KeyError") from cause
    assert caught.value.__cause__ is cause and "KeyError" in caught.value.own_traceback
    assert str(caught.value) == (
        'study.toml: [model] family: received "mine.py:build" (line 3: KeyError),'
        " expected a function"
    )
