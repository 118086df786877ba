"""An exported model that was altered, or is gone, doesn't pass for the one that was proven."""

import json
from dataclasses import replace

import pytest

from studyhall.search.cli import app
from studyhall.search.evaluation import best, proof
from studyhall.search.study import record


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
    assert best.is_whole(found) and not best.is_whole(replace(found, folder=None))
    damage(found.folder)
    assert not best.is_whole(found)
    proof.finish(studio.db, done)  # from the trial's own file, which is as it was
    assert best.is_whole(best.read(studio.db, done))
    assert best.read(studio.db, done).test["times"] == 1


def test_a_model_altered_everywhere_is_not_exported(studio, done, monkeypatch, capsys):
    folder = record.stored(done).artifacts
    for path in (folder / "best" / "model.keras", *folder.glob("model-*")):
        flip(path)
    monkeypatch.chdir(studio.folder)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    monkeypatch.setattr("sys.argv", ["studyhall", "best", "iris", "--export", "out"])
    with pytest.raises(SystemExit) as ended:
        app.run()
    printed = capsys.readouterr().out
    assert ended.value.code == 3 and "NOT PROVEN: trial " in printed
    assert "was altered or cut off; it is not exported, and was tested before" in printed
    assert not (studio.folder / "out").exists()
    monkeypatch.setattr("sys.argv", ["studyhall", "best", "iris", "--json"])
    with pytest.raises(SystemExit):
        app.run()
    assert not json.loads(capsys.readouterr().out)["proof"]["proven"]
