"""The files that a user's code imports are those that Python loads when it runs."""

import subprocess
import sys

import pytest

from studyhall.search.study import fingerprints
from studyhall.search.study.imported_files import imported
from studyhall.search.study_file import config

LOADED = """
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
sys.path.append(sys.argv[1])
import mine
files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
print(*sorted(file for file in files if file and folder in pathlib.Path(file).parents), sep="\\n")
"""
FILES = {
    "mine.py": "import blocks\nimport json, nets.small as small\nfrom nets import large\n",
    "blocks.py": "import numpy\nfrom sizes import WIDTH\n",
    "sizes.py": "WIDTH = 4\ndef late():\n    from nets.deep import further\n    return further\n",
    "nets/__init__.py": "from .common import ACTIVATION\n",
    "nets/common.py": "import mine\nACTIVATION = 'tanh'\n",
    "nets/small.py": "from . import large\n",
    "nets/large.py": "from .deep.further import *\nfrom nets.common import ACTIVATION\n",
    "nets/deep/__init__.py": "",
    "nets/deep/further.py": "from ..common import ACTIVATION\n",
    "unused.py": "import blocks\n",
    "data/table.py": "import unused\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_they_are_what_python_loads(folder):
    command = [sys.executable, "-c", LOADED, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = {*answer.stdout.split()} - {str(folder / "mine.py")}
    assert len(expected) == 8
    assert imported(folder / "mine.py") == sorted(map(type(folder), expected))


@pytest.mark.parametrize("broken", ["def build(:\n", "x = '\\0'\n", "from .. import a\n"])
def test_code_that_cannot_run_imports_nothing(tmp_path, broken):
    (tmp_path / "mine.py").write_text(broken)
    assert imported(tmp_path / "mine.py") == []


def test_a_change_of_an_imported_file_is_told(folder):
    (folder / "mine.py").write_text("import blocks\ndef build(trial, shape, outputs): ...\n")
    text = (
        '[study]\nname = "a"\n[data]\nsource = "sklearn:iris"\n[model]\nfamily = "mine.py:build"\n'
    )
    (folder / "a.toml").write_text(text)
    file = config.load(folder / "a.toml")
    before = fingerprints.of_code(file, folder)
    (folder / "nets/deep/further.py").write_text("WIDTH = 8\n")
    after = fingerprints.of_code(file, folder)
    assert [name for name in before if before[name] != after[name]] == ["nets/deep/further.py"]
    assert "unused.py" not in after
