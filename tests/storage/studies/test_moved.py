"""A SQLite file that was moved, renamed or copied with its studies' files, and those alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from studyhall.storage.artifacts import marker
from studyhall.storage.database import Database
from studyhall.storage.studies import studies

PLACES = [
    ("studyhall.db", "studyhall-artifacts/s", "."),
    ("databases/own.db", "artifacts/s", "code"),
    ("studyhall.db", "a/b/c/s", "studies/first"),
]


def made(project: Path, database: str, artifacts: str, folder: str) -> dict[str, Any]:
    """A study in a project; its record as it was written."""
    for name in (artifacts, folder, Path(database).parent):
        (project / name).mkdir(parents=True, exist_ok=True)
    record = {
        "artifacts": str(project / artifacts),
        "artifacts_marker": marker.make(project / artifacts),
        "folder": str((project / folder).resolve()),
    }
    db = Database.open(f"sqlite:///{project / database}")
    studies.create(db, "s", config=record, seed=0, trials=1)
    db.close()
    return record


def found(path: Path) -> dict[str, Any]:
    db = Database.open(f"sqlite:///{path}")
    study = studies.find(db, "s")
    db.close()
    assert study is not None
    return {key: study.config[key] for key in ("artifacts", "folder")}


def of_an_earlier_version(path: Path) -> None:
    """Leaves the record as versions before have written it."""
    db = Database.open(f"sqlite:///{path}")
    text = db.snapshot(lambda t: t.value("SELECT config FROM studyhall_studies"))
    record = {key: value for key, value in json.loads(text).items() if key != "beside"}
    write = "UPDATE studyhall_studies SET config = :config"
    db.transaction(lambda t: t.run(write, config=json.dumps(record)))
    db.close()


@pytest.mark.parametrize("places", PLACES)
@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_project_is_found_where_it_is(tmp_path: Path, places: tuple[str, str, str], how) -> None:
    old, new = tmp_path / "old", tmp_path / "elsewhere" / "new"
    before = made(old, *places)
    assert found(old / places[0]) == {key: before[key] for key in ("artifacts", "folder")}
    new.parent.mkdir()
    how(old, new)
    expected = {"artifacts": str(new / places[1]), "folder": str((new / places[2]).resolve())}
    assert found(new / places[0]) == expected


@pytest.mark.parametrize("places", PLACES)
def test_a_project_that_was_used_through_a_link_is_found(
    tmp_path: Path, places: tuple[str, str, str]
) -> None:
    real, link, new = tmp_path / "a" / "real", tmp_path / "link", tmp_path / "new"
    real.mkdir(parents=True)
    link.symlink_to(real)
    before = made(link, *places)
    assert found(link / places[0]) == {key: before[key] for key in ("artifacts", "folder")}
    link.unlink()
    real.rename(new)
    expected = {"artifacts": str(new / places[1]), "folder": str((new / places[2]).resolve())}
    assert found(new / places[0]) == expected


def test_one_of_an_earlier_version_too(tmp_path: Path) -> None:
    made(tmp_path / "old", *PLACES[0])
    of_an_earlier_version(tmp_path / "old" / "studyhall.db")
    (tmp_path / "old").rename(tmp_path / "new")
    new = tmp_path / "new"
    expected = {"artifacts": str(new / "studyhall-artifacts/s"), "folder": str(new)}
    assert found(new / "studyhall.db") == expected


@pytest.mark.parametrize("earlier", [False, True])
def test_a_backup_of_the_database_alone_keeps_to_its_files(tmp_path: Path, earlier: bool) -> None:
    """Also beside a folder of the same name, which another study has."""
    before = made(tmp_path / "old", *PLACES[0])
    made(tmp_path / "backups", *PLACES[0])
    if earlier:
        of_an_earlier_version(tmp_path / "old" / "studyhall.db")
    backup = shutil.copy(tmp_path / "old" / "studyhall.db", tmp_path / "backups" / "kept.db")
    assert found(Path(backup)) == {key: before[key] for key in ("artifacts", "folder")}


def test_elsewhere_nothing_is_found_and_the_record_stays(tmp_path: Path) -> None:
    before = made(tmp_path / "old", *PLACES[0])
    (tmp_path / "old" / "studyhall.db").rename(tmp_path / "alone.db")
    shutil.rmtree(tmp_path / "old")
    assert found(tmp_path / "alone.db") == {key: before[key] for key in ("artifacts", "folder")}
