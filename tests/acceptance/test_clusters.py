"""Job files for clusters, as the commands print them."""

import re
from contextlib import closing

import pytest
import yaml

from studyhall.storage.database import Database
from studyhall.storage.studies import studies

CLAIM = ["--image", "worker:1", "--claim"]


@pytest.fixture
def printed(folder, typed, postgres_url):
    """Runs a command on a PostgreSQL whose URL holds a password; what it printed."""
    url = postgres_url.replace("postgres:@", "postgres:sesame@")

    def run(*words, code=0):
        found, out, err = typed(*words, "--storage", url)
        assert found == code, err
        assert "sesame" not in out + err
        return out, err

    folder.url = url
    return run


def known(url):
    with closing(Database.open(url)) as db:
        return studies.names(db)


def test_a_study_file_becomes_a_study_and_a_job(folder, printed):
    folder.study()
    out, err = printed("slurm", "study.toml", "--workers", "8", "--time", "30")
    assert known(folder.url) == ["iris"]
    assert out.startswith("#!/bin/bash\n") and "#SBATCH --array=1-8\n" in out
    assert f"cd {folder.path} " in out and out.endswith("\n")
    notes = "data: "  # two flowers of the data are equal
    nodes, submit = [line for line in err.splitlines() if not line.startswith(notes)]
    artifacts = f"{folder.path}/studyhall-artifacts/iris"
    assert nodes == f"every node must see {folder.path} and {artifacts}"
    resume = "to submit: sbatch FILE; once it ends: studyhall resume iris --storage "
    assert submit.startswith(resume) and "postgresql://" in submit
    again, _ = printed("slurm", "iris", "--workers", "8", "--time", "30")
    assert again == out
    out, err = printed("kubernetes", "iris", *CLAIM, f"studies={folder.path}")
    assert yaml.safe_load(out)["kind"] == "Job" and "iris" in err
    folder.study(workers={"retries": 5})
    out, err = printed("kubernetes", "study.toml", *CLAIM, f"studies={folder.path}")
    assert yaml.safe_load(out)["kind"] == "Job"
    assert "workers.retries: 3 → 5: applies from now on" in err


def test_mistakes_are_told_and_nothing_is_made(folder, typed, printed):
    folder.study(training={"epochs": 0})
    assert "[training] epochs: received 0" in printed("slurm", "study.toml", code=2)[1]
    assert known(folder.url) == []
    folder.study()
    for command in (["slurm"], ["kubernetes", "--image", "worker:1"]):
        code, out, err = typed(*command, "study.toml")
        assert (code, out) == (2, "")
        assert re.fullmatch(
            rf"{command[0]}: received the database sqlite:///studyhall.db, which works on one "
            r"machine only, expected postgresql://user@host/name\n",
            err,
        )
    assert folder.files() == {"study.toml"}
    assert "there is no study 'nosuch'" in printed("slurm", "nosuch", code=2)[1]
    assert "--claim NAME=/path" in printed("kubernetes", "study.toml", *CLAIM[:2], code=2)[1]
    assert "--time: received 'soon'" in printed("slurm", "study.toml", "--time", "soon", code=2)[1]
    assert known(folder.url) == [] and folder.files() == {"study.toml"}
