"""Nothing of the user's runs before it is known to be wanted."""

from pathlib import Path

import pytest

from studyhall.search.study import inspection
from studyhall.search.study_file import config
from studyhall.spaces import static_checks, user_code
from studyhall.spaces.failures import UserCodeError

TAKES = (("trial", "input_shape", "outputs"),)
RAN = "import pathlib\n(pathlib.Path(__file__).parent / 'ran').touch()\n"
BUILD = "def build(trial, input_shape, outputs):\n    pass\n"


@pytest.fixture
def load(tmp_path):
    """Loads ``build`` of a file that leaves a trace when it runs."""
    number = iter(range(100))

    def load(text, name="build", takes=TAKES[0]):
        file = f"code_{tmp_path.name}_{next(number)}.py"
        (tmp_path / file).write_text(RAN + text)
        try:
            return user_code.load(f"{file}:{name}", tmp_path, takes)
        finally:
            load.ran = (tmp_path / "ran").exists()

    return load


REFUSED = [
    (
        "def build(a, b):\n    pass",
        r"build takes \(a, b\), expected \(trial, input_shape, outputs\)",
    ),
    ("def build(trial, *, shape):\n    pass", r"takes \(trial, \*, shape\), expected"),
    ("def build(a, b, c, d):\n    pass", "takes"),
    ("class build:\n    pass", "is a class, expected a function"),
    ("def biuld(trial, s, o):\n    pass", 'no function "build"; it has biuld; did you mean'),
    ("x = 1", "it has no functions at all"),
    (BUILD + "tuner.search(x, y)", r"line 5: tuner.search\(…\) runs whenever .*__main__"),
    (BUILD + "t = kt.Hyperband(build)\nt.search(x, y)", r"line 6: t.search\(…\) runs"),
    (BUILD + "for n in (1, 2):\n    model.fit(x, y, epochs=n)", r"line 6: model.fit\(…\) runs"),
    (BUILD + "s = optuna.create_study()\ns.optimize(f, 9)", r"line 6: s.optimize\(…\) runs"),
    (BUILD + "print(study.optimize(f, n_trials=9))", r"line 5: study.optimize\(…\) runs"),
    (BUILD + "h = net.fit(x, validation_split=0.1).history", r"line 5: net.fit\(…\) runs"),
    (BUILD + "def main():\n    net.fit(x, epochs=3)\nmain()", r"line 7: net.fit\(…\) runs"),
    (BUILD + "if True:\n    tuner.search(x)\n", r"line 6: tuner.search\(…\) runs"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_it_is_refused_without_being_run(load, text, message):
    with pytest.raises(UserCodeError, match=message):
        load(text)
    assert not load.ran


TAKEN = [
    BUILD + "if __name__ == '__main__':\n    tuner.search(x, y)",
    BUILD + "try:\n    if '__main__' == __name__:\n        tuner.search(x)\nfinally:\n    pass",
    BUILD + "def later():\n    net.fit(x, epochs=3)",
    BUILD + "class Net:\n    def fit(self):\n        self.net.fit(1, epochs=3)",
    BUILD + "import re\nre.compile('a').search('a')",
    "class Scaler:\n    def fit(self, x): return self\nscaler = Scaler().fit([1])\n" + BUILD,
    "def build(*anything):\n    pass",
    "def build(trial, input_shape, outputs=1, *, more=2, **rest):\n    pass",
    "build = lambda trial, input_shape, outputs: None",
    "from functools import partial\ndef of(n, t, i, o): pass\nbuild = partial(of, 3)",
    "globals()['build'] = lambda t, i, o: None",
    "if True:\n    def build(t, i, o): pass\nelse:\n    build = None",
    "def twice(f): return lambda t, i, o: f(t)\n@twice\ndef build(hp):\n    pass",
    "def build(hp): pass\ndef build(t, i, o): pass",
]


@pytest.mark.parametrize("text", TAKEN)
def test_what_is_not_certain_is_run(load, text):
    assert callable(load(text)) and load.ran


def test_a_name_that_running_makes_is_looked_for_by_running(load):
    with pytest.raises(UserCodeError, match='has no function "build"'):
        load("globals()['built'] = 3")
    assert load.ran


def test_what_does_not_parse_is_left_to_python(tmp_path):
    (tmp_path / "m.py").write_text("def build(:\n")
    static_checks.check(tmp_path / "m.py", "build", TAKES)


@pytest.mark.parametrize("line", ["from studyhall.files import read", "import studyhall as s"])
@pytest.mark.parametrize("own", ["studyhall.py", "studyhall/__init__.py"])
def test_a_file_named_like_our_package_is_not_taken_for_it(tmp_path, line, own):
    (tmp_path / "m.py").write_text(f"{line}\n{BUILD}")
    (tmp_path / "studyhall").mkdir()
    static_checks.check(tmp_path / "m.py", "build", TAKES)  # it may well mean ours
    (tmp_path / own).write_text("def read(): pass")
    with pytest.raises(UserCodeError, match=rf"m.py, line 1: imports studyhall, .*not {own}"):
        static_checks.check(tmp_path / "m.py", "build", TAKES)


def test_a_builder_that_is_not_wanted_is_refused_before_data_are_loaded(tmp_path, study_file):
    (tmp_path / "my_load.py").write_text(RAN + "def load():\n    raise ValueError")
    (tmp_path / "my_build.py").write_text("def build(a, b):\n    pass")
    path = tmp_path / "s.toml"
    own = {"data": {"source": "my_load.py:load"}, "model": {"family": "my_build.py:build"}}
    path.write_text(study_file(**own))
    with pytest.raises(UserCodeError, match=r"build takes \(a, b\)"):
        inspection.inspect(config.load(path), path)
    assert not (tmp_path / "ran").exists()


# The working directory while it runs


READS = """
import pathlib

import numpy as np
import tensorflow as tf

HEADER = pathlib.Path("data/header.txt").read_text()

def load():
    table = np.loadtxt("data/points.csv", delimiter=",")
    return table[:, :2], table[:, 2].astype(int)

def rows():
    def read():
        for line in pathlib.Path("data/points.csv").read_text().splitlines():
            *x, y = map(float, line.split(","))
            yield x, int(y)
    kinds = tf.TensorSpec((2,), tf.float32), tf.TensorSpec((), tf.int32)
    return tf.data.Dataset.from_generator(read, output_signature=kinds)

def missing():
    open("data/nowhere.csv")
"""


@pytest.mark.parametrize("function", ["load", "rows"])
def test_paths_start_where_the_study_file_lies(tmp_path, monkeypatch, study_file, function):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "data").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "code").mkdir()
    (project / "data" / "header.txt").write_text("x,y,class")
    (project / "data" / "points.csv").write_text("".join(f"{n},1,{n % 2}\n" for n in range(60)))
    (project / "code" / f"my_{function}.py").write_text(READS)
    source = {"source": f"code/my_{function}.py:{function}"}
    (project / "s.toml").write_text(study_file(data=source))
    found = []
    for folder, file in ((project, "s.toml"), (elsewhere, "../project/s.toml")):
        monkeypatch.chdir(folder)
        path = folder / file if folder is project else Path(file)
        found.append(inspection.inspect(config.load(path), path))
        assert Path.cwd() == folder
    assert found[0] == found[1]


def test_a_file_that_is_not_there_says_from_where_it_was_looked_for(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "header.txt").touch()
    (tmp_path / "my_missing.py").write_text(READS)
    function = user_code.load("my_missing.py:missing", tmp_path, ())
    monkeypatch.chdir("/")
    with pytest.raises(UserCodeError, match=rf"nowhere.csv.*\(relative to {tmp_path}, where the"):
        user_code.call(function)
