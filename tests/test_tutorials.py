"""The tutorials hold: what they type runs, from top to bottom, in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import pages

FILE = re.compile(r"^```\w+\n(# ([\w.]+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = {"studyhall": [sys.executable, "-P", "-m", "studyhall"], "python": [sys.executable]}
SERVES = "dashboard"  # until Ctrl-C
TUTORIALS = ("first_study.md", "your_csv.md", "your_images.md", "your_keras_code.md")

pytestmark = pytest.mark.slow


def test_every_tutorial_is_tested() -> None:
    """A team's is run on two machines by tests/acceptance/test_service.py."""
    there = {path.name for path in (pages.DOCS / "tutorials").iterdir()}
    assert there == {*TUTORIALS, "team.md", "notebook.ipynb"}


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    page = pages.text(name)
    for text, file in FILE.findall(page):
        (tmp_path / file).write_text(text, encoding="utf-8")
    outside = {key: value for key, value in os.environ.items() if key != "STUDYHALL_STORAGE"}
    for line in "".join(pages.code("sh", page)).splitlines():
        command, *words = shlex.split(line)
        if words[0] != SERVES:
            answer = subprocess.run(
                [*COMMANDS[command], *words],
                cwd=tmp_path, env=outside, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert answer.returncode == 0, f"{line}\n{answer.stdout}{answer.stderr}"


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = nbformat.read(pages.DOCS / "tutorials/notebook.ipynb", as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=place).execute()  # raises what a cell raises
    assert "accuracy on the test set: 0." in str(notebook.cells)
