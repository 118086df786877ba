"""series.md holds: its lines write the table, of which its study finds a good model."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studyhall.search.data import loading
from studyhall.search.study_file import config, reference
from studyhall.spaces import hyperparameters
from tests import pages

PAGE = pages.text("series.md")


def code(language: str) -> str:
    """Its one block of code in a language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(block)


def told() -> list[str]:
    """Return the words in backticks of the first and last cells of its tables."""
    rows = [line.split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    return re.findall(r"`([^`]+)`", " ".join(f"{row[1]} {row[-2]}" for row in rows))


def test_it_names_what_there_is() -> None:
    keys = {key.name for key in reference.of_table("data")}
    words = {*hyperparameters.NAMES, *hyperparameters.find("cell").words, *keys}
    assert {*told()} <= words | {"target", "[data]"}
    assert {*hyperparameters.find("cell").words, "split_by", "windows", "horizon"} <= {*told()}


def test_its_lines_write_the_table_of_its_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(code("python"), scope)
    assert len(pd.read_csv("levels.csv")) == 2000
    found = loading.of_file(config.parse(code("toml")), tmp_path, seed=0)
    assert found.input_shape == (24, 1) and found.task == "regression"
    assert f"{len(found.test):,} windows" in PAGE
