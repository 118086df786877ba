"""A function of the user's must return the same samples to every worker."""

import subprocess

import pytest

from studyhall.search.study import inspection, repeated
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError

CODE = """
import numpy as np
{before}

def load():
    x = {draw}.normal(size=(60, 2))
    return x, (x[:, 0] > 0).astype(int)
"""


@pytest.fixture
def loaded(tmp_path, study_file):
    """Loads what a function of the user's returns, as `check` and `launch` do."""

    def load(draw, before=""):
        (tmp_path / "mine.py").write_text(CODE.format(draw=draw, before=before))
        path = tmp_path / "study.toml"
        path.write_text(study_file(data={"source": "mine.py:load"}))
        return inspection.load(config.load(path), path)

    return load


@pytest.mark.parametrize(
    ("draw", "before"),
    [
        ("np.random.default_rng(0)", ""),
        ("rng", "rng = np.random.default_rng(0)"),  # goes on where the file is not read anew
        ("np.random", "np.random.seed(0)"),
    ],
)
def test_fixed_seeds(loaded, monkeypatch, draw, before):
    monkeypatch.setattr(subprocess, "run", None)  # not needed
    assert loaded(draw, before).task == "binary"


@pytest.mark.slow
def test_what_another_module_draws_from_is_read_in_a_fresh_process(loaded, tmp_path):
    (tmp_path / "draws.py").write_text("import numpy\nrng = numpy.random.default_rng(0)\n")
    assert loaded("rng", "from draws import rng").task == "binary"


def test_other_samples_each_time(loaded):
    with pytest.raises(ConfigError) as caught:
        loaded("np.random.default_rng()")
    assert caught.value.problems == [
        "study.toml: [data] source: received different samples from mine.py:load at its second"
        " call, expected the same each time: set its seeds, as in np.random.default_rng(0),"
        " shuffle(1000, seed=0)"
    ]


def test_what_takes_long_is_read_once(loaded, monkeypatch):
    monkeypatch.setattr(repeated, "LONGEST_S", -1.0)
    assert loaded("np.random.default_rng()").task == "binary"
