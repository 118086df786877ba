"""The README is short, and its examples run; what holds for every page is in test_pages.py."""

import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from studyhall.search.study_file import config, template
from studyhall.storage.database import Database
from studyhall.storage.studies import studies
from tests import pages
from tests.pages import ROOT, code

TEXT = pages.README.read_text(encoding="utf-8")
MOST_LINES = 160


def test_it_stays_short() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_the_two_commands_of_a_fresh_machine_stand_near_the_top() -> None:
    top = "\n".join(TEXT.splitlines()[:40])
    assert "`make test`" in top and "\nmake demo\n" in top


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.name)
def test_a_recipe_is_a_study_file_without_a_mistake(path: Path) -> None:
    assert config.load(path).study.name == path.stem


def test_a_new_study_file_is_without_a_mistake() -> None:
    assert config.parse(template.template("mine")).study.name == "mine"


def test_a_study_opens_in_optuna_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = Database.open("sqlite:///studyhall.db")
    studies.create(opened, "first", config={}, seed=0, trials=1)
    opened.close()
    optuna.load_study(study_name="first", storage="sqlite:///studyhall.db").add_trial(
        optuna.trial.create_trial(value=0.25)
    )
    example = next(
        block for block in code("python", pages.text("database.md")) if "import optuna" in block
    )
    exec(example, {})
    assert "0.25" in capsys.readouterr().out


# In a process of its own, since it imports TensorFlow.
TRIED = """
import pathlib
import keras, numpy, optuna
from studyhall.search.data import loading
from studyhall.search.trial import exporting
from studyhall.search.study_file.input_sections import DataSection
from studyhall.spaces import user_code, user_model
from studyhall.spaces.space import read_space

here = pathlib.Path.cwd()
build = user_code.load("my_model.py:build", here, ("trial", "input_shape", "outputs"))
space = read_space({}, family="my_model.py:build")
trial = optuna.create_study().ask()
model = user_model.build(build, trial, space, {}, (64,), 10)
assert trial.params and model.count_params() > 640
found = loading.load(DataSection(source="my_data.py:load"), seed=0, folder=here)
assert len(found.train) > 100
digits = loading.load(DataSection(source="sklearn:digits"), seed=0, folder=here)
model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
raw = exporting.with_preparation(model, digits.preparation, digits.input_shape)
(here / "winner").mkdir()
exporting.save(raw, here / "winner/model.keras")
exec((here / "use.py").read_text())
"""


def test_the_python_examples_run(tmp_path: Path) -> None:
    named = {}
    for block in code("python", TEXT) + code("python", pages.text("own_model.md")):
        if name := re.match(r"# (\w+\.py)\n", block):
            named[name[1]] = block
            (tmp_path / name[1]).write_text(block, encoding="utf-8")
    assert {"my_model.py", "my_data.py", "use.py"} <= named.keys()
    answer = subprocess.run(
        [sys.executable, "-c", TRIED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^\d$", answer.stdout, re.MULTILINE)  # the digit that it saw
