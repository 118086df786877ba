"""python.md holds: its examples run, one after the other, as in a notebook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages

PAGE = pages.text("python.md")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def quick(block: str) -> str:
    """An example with two trials of two epochs at most, and one worker less."""
    block = re.sub(r"\b(trials|n_trials|epochs)=\d+", r"\1=2", block)
    return block.replace("cv=3", "cv=2").replace("workers=2", "workers=1")


def test_every_example_is_python() -> None:
    assert len(BLOCKS) == 8
    for block in BLOCKS:
        compile(block, "python.md", "exec")


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n".join(map(quick, BLOCKS)), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env={**os.environ, "STUDYHALL_STORAGE": f"sqlite:///{tmp_path}/studyhall.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "best of digits: " in answer.stdout
