"""Studies that only Python can continue."""

import pytest

from studyhall.search.scripts import continuation
from studyhall.search.scripts.script import Script
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies import studies


@pytest.fixture
def study_of(db, tmp_path):
    """Creates a study with a model's family, and perhaps with a script."""

    def create(family, script=None):
        tables = {
            "study": {"name": "toy"},
            "data": {"source": "sklearn:digits"},
            "model": {"family": family},
        }
        record = {
            "file": config.to_dict(config.from_dict(tables)),
            "folder": str(tmp_path),
            "artifacts": str(tmp_path),
            "inspection": vars(Inspection("", {})),
            **({} if script is None else Script(script, str(tmp_path)).to_record()),
        }
        return studies.create(db, "toy", config=record, seed=0, trials=1)[0]

    return create


def test_files_can_be_continued(study_of):
    continuation.check(study_of("mlp"))


def test_a_script_that_is_there_can_be_continued(study_of, tmp_path):
    (tmp_path / "tune.py").write_text("")
    continuation.check(study_of("tune.py:script", "tune.py"))


def test_cells_of_a_notebook_can_not(study_of):
    study = study_of("notebook.py:script", "notebook.py")
    with pytest.raises(ConfigError, match=r"notebook.py, which is not there: continue it from"):
        continuation.check(study)


def test_a_function_of_a_program_can_not(study_of):
    with pytest.raises(ConfigError, match='toy: its models are built by "build": continue it'):
        continuation.check(study_of("python:build"))
