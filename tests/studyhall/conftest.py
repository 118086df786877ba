"""The surroundings of scripts in this process."""

import pytest


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder, a database and no earlier study of one test; returns the database's URL."""
    from studyhall.optuna import study as studies_of_optuna

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    monkeypatch.setattr(studies_of_optuna, "_created", [])
    return f"sqlite:///{tmp_path}/studyhall.db"
