"""A database URL may lie in a file."""

import os

import pytest

from studyhall.search.cli import storage_file
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database.urls import default_url

URL = "postgresql://ann:secret@db/studies"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file that STUDYHALL_STORAGE_FILE names; nothing else says where the database is."""
    monkeypatch.setenv("STUDYHALL_STORAGE", "")
    monkeypatch.setenv("STUDYHALL_STORAGE_FILE", str(tmp_path / "url"))
    return tmp_path / "url"


def test_the_file_says_where_studies_live(file):
    file.write_text(f"{URL}\n")
    storage_file.read()
    assert default_url() == URL


def test_what_the_environment_says_goes_before_it(file, monkeypatch):
    monkeypatch.setenv("STUDYHALL_STORAGE", "sqlite:///mine.db")
    storage_file.read()
    assert default_url() == "sqlite:///mine.db"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_that_wont_do(file, content):
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"STUDYHALL_STORAGE_FILE: received .*, expected a file"):
        storage_file.read()
    assert os.environ["STUDYHALL_STORAGE"] == ""
