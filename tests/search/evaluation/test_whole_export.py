"""An exported model that was altered, or is gone, doesn't pass for the one that was proven."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest

from studyhall.search.cli import app
from studyhall.search.evaluation import best, exported_files, prediction, proof
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts.atomic_files import ArtifactError


@pytest.fixture
def done(studio):
    study = studio.study()
    studio.finish(study)
    assert proof.finish(studio.db, study)["proven"]
    return study


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip(folder / "model.keras"),
        lambda folder: (folder / "model.keras").unlink(),
        lambda folder: (folder / "best.json").write_text("{"),
    ],
    ids=["altered", "gone", "card cut off"],
)
def test_what_is_not_as_it_was_written_is_not_whole(studio, done, damage):
    found = best.read(studio.db, done)
    assert exported_files.is_whole(found) and not exported_files.is_whole(
        replace(found, folder=None)
    )
    damage(found.folder)
    assert not exported_files.is_whole(found)
    proof.finish(studio.db, done)  # from the trial's own file, which is as it was
    assert exported_files.is_whole(best.read(studio.db, done))
    assert best.read(studio.db, done).test["times"] == 1


def forge(folder):
    """Change the model, and the card with it, so that they agree again."""
    flip(folder / "model.keras")
    card = json.loads((folder / "best.json").read_text())
    card["model_sha256"] = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
    (folder / "best.json").write_text(json.dumps(card))


def lead_elsewhere(folder):
    (folder / "model.keras").rename(folder.parent / "elsewhere")
    (folder / "model.keras").symlink_to(folder.parent / "elsewhere")


def test_what_the_database_has_recorded_counts_and_not_the_card(studio, done, tmp_path):
    found = best.read(studio.db, done)
    assert set(found.sha256) == set(found.files)
    old = replace(found, sha256=None)  # of an earlier version, which asked the card
    forge(found.folder)
    assert exported_files.is_whole(old) and not exported_files.is_whole(found)
    refused = r"model\.keras: received a file of SHA-256 \w{64}, expected \w{64} as recorded"
    with pytest.raises(ConfigError, match=refused):
        exported_files.copy(found, tmp_path / "folder")
    with pytest.raises(ConfigError, match=refused):
        exported_files.copy_model(found, tmp_path / "mine.keras")
    assert not (tmp_path / "mine.keras").exists()
    assert [*(tmp_path / "folder").iterdir()] == [*tmp_path.glob(".unfinished*")] == []
    with pytest.raises(ConfigError, match="is not as written; studyhall best iris --export"):
        prediction.card_of(found)


def test_a_link_in_an_export_is_not_followed(studio, done, tmp_path):
    found = best.read(studio.db, done)
    lead_elsewhere(found.folder)
    assert not exported_files.is_whole(found)
    for copy in (exported_files.copy, exported_files.copy_model):
        with pytest.raises(ArtifactError, match="symbolic link"):
            copy(found, tmp_path / copy.__name__)
    proof.finish(studio.db, done)  # writes the model anew, in place of the link
    assert exported_files.is_whole(best.read(studio.db, done))
    assert (found.folder.parent / "elsewhere").is_file()
    shutil.rmtree(found.folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("x")
    found.folder.symlink_to(tmp_path / "mine")
    with pytest.raises(ArtifactError, match="best: is a symbolic link"):
        proof.finish(studio.db, done)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis"]


@pytest.mark.slow
def test_a_model_altered_everywhere_is_not_exported(studio, done, monkeypatch, capsys):
    folder = record.stored(done).artifacts
    for path in (folder / "best" / "model.keras", *folder.glob("model-*")):
        flip(path)
    monkeypatch.chdir(studio.folder)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    monkeypatch.setattr("sys.argv", ["studyhall", "best", "iris", "--export", "out"])
    with pytest.raises(SystemExit) as ended:
        app.run()
    printed = " ".join(capsys.readouterr().out.split())  # wrapped to the terminal
    assert ended.value.code == 3 and "NOT PROVEN: trial " in printed
    assert "was altered or cut off; it is not exported, and was tested before" in printed
    assert not (studio.folder / "out").exists()
    monkeypatch.setattr("sys.argv", ["studyhall", "best", "iris", "--json"])
    with pytest.raises(SystemExit):
        app.run()
    assert not json.loads(capsys.readouterr().out)["proof"]["proven"]
