"""The settings of a study in a Python program, as the tables of its file."""

from pathlib import Path
from typing import Any

import pytest

from studyhall.search.api import settings


@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("text", {"family": "text"}),
        (None, {}),
        ({"family": "keras:VGG16", "weights": "none"},) * 2,
    ],
)
def test_the_model_is_a_family_or_its_table(model: Any, table: dict[str, str]) -> None:
    found, handed = settings.handed({"study": {"name": "mine"}}, model)
    assert {key: value for key, value in found["model"].items() if value is not None} == table
    assert handed == {}


def test_a_study_that_another_process_inspects_lies_in_a_file_for_a_while(tmp_path: Path) -> None:
    tables = {"study": {"name": "mine"}, "data": {"source": "sklearn:digits"}}
    for family, written in (("mlp", False), ("keras:VGG16", True)):
        file = settings.checked("mine", {**tables, "model": {"family": family}})
        with settings.as_path(file, tmp_path) as path:
            assert path.is_file() == written
    assert [*tmp_path.iterdir()] == []
