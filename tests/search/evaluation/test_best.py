"""The best trial as it is shown, copied, and told to programs."""

import json

import pytest

from studyhall.search.display.terminal import Literal
from studyhall.search.evaluation import best, best_text, exported_files, proof
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts.atomic_files import ArtifactError


def text(parts):
    console = Literal(width=120)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


@pytest.fixture
def study(studio):
    made = studio.study(data={"source": "sklearn:wine"}, space={"dropout": 0.1})
    studio.finish(made)
    return made


def test_without_a_complete_trial(studio):
    with pytest.raises(ConfigError, match='study "iris": received no complete trial yet'):
        best.read(studio.db, studio.study())


def test_what_is_missing_is_said_with_the_way_to_it(studio, study):
    found = best.read(studio.db, study)
    assert found.missing == ["export", "proof", "test scores"] and not found.finished
    shown = text(best_text.shown(found))
    assert "not done yet: export, proof, test scores" in shown
    assert "studyhall best iris --export iris" in shown
    with pytest.raises(ConfigError, match="no exported model"):
        exported_files.copy(found, studio.folder / "export")


def test_what_is_done_is_shown(studio, study):
    proof.finish(studio.db, study)
    found = best.read(studio.db, study)
    shown = text(best_text.shown(found, full=True))
    assert found.missing == [] and "not done yet" not in shown
    for part in (
        f"What did you get?  trial {found.trial.number}, validation loss",
        "learning_rate",
        "dropout",
        "difference",
        "set used once: accuracy 0.",
        "on 36 samples",
        "class_2",
        str(found.folder / "model.keras"),
    ):
        assert part in shown, shown
    assert "class_weights" not in shown  # a default, which nobody chose


def test_programs_learn_everything(studio, study):
    proof.finish(studio.db, study)
    told = json.loads(json.dumps(best.to_json(best.read(studio.db, study))))
    assert told["hyperparameters"]["class_weights"] == "none"
    assert told["proof"]["recorded"] == told["value"] == told["metrics"]["val_loss"]
    assert told["test"]["scores"]["samples"] == 36 and told["missing"] == []


def test_a_copy_is_model_and_card(studio, study):
    proof.finish(studio.db, study)
    found = best.read(studio.db, study)
    for _ in range(2):  # an older copy is replaced
        exported_files.copy(found, studio.folder / "deep" / "export")
    copied = sorted((studio.folder / "deep" / "export").iterdir())
    assert [path.name for path in copied] == ["best.json", "model.keras"]
    assert copied[1].read_bytes() == (found.folder / "model.keras").read_bytes()


def test_a_copy_of_a_model_that_is_gone(studio, study):
    proof.finish(studio.db, study)
    found = best.read(studio.db, study)
    (found.folder / "model.keras").unlink()
    with pytest.raises(ArtifactError, match="No such file"):
        exported_files.copy(found, studio.folder / "export")
