"""text.md holds: its lines write texts of which a transformer learns what a mean can't."""

import re
from typing import Any

import pytest

from studyhall.search.study_file import config
from studyhall.spaces import hyperparameters
from studyhall.storage.queries import records
from tests import pages

PAGE = pages.text("text.md")


def code(language: str) -> list[str]:
    """Its blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_it_names_the_encoders() -> None:
    rows = [line.split("|")[1].strip(" `") for line in PAGE.splitlines() if line.startswith("| `")]
    assert {*hyperparameters.find("encoder").words} <= {*rows}


@pytest.mark.slow
def test_a_transformer_learns_from_its_texts_what_a_mean_can_not(
    studio: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(studio.folder)
    exec(code("python")[0], {})
    file = config.parse(code("toml")[0])
    assert file.space["length"] == 10
    fixed = {"length": 10, "vocabulary": 40, "embedding": 16, "learning_rate": 0.02}
    losses = {}
    for encoder in ("mean", "transformer"):
        study = studio.study(
            study={"name": encoder, "trials": 1},
            data={"source": file.data.source},
            model={"family": "text"},
            training={"epochs": 10},
            space={**fixed, "encoder": encoder},
        )
        studio.finish(study)
        losses[encoder] = records.trials(studio.db, study)[0].value
    assert losses["mean"] > 0.6 and losses["transformer"] < 0.1
