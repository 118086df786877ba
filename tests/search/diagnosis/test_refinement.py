"""A refined study file that lies elsewhere still finds what it names."""

import sqlite3

import pytest

from studyhall.search.data.sources import table_origins
from studyhall.search.data.sources.table_patterns import Files
from studyhall.search.diagnosis import refinement
from studyhall.search.study_file.input_sections import DataSection


@pytest.fixture
def old(tmp_path):
    """The old file's folder, with data of every kind."""
    (tmp_path / "old/exports").mkdir(parents=True)
    (tmp_path / "new").mkdir()
    for name in ("exports/a.csv", "exports/b.csv", "mine.py"):
        (tmp_path / "old" / name).write_text("a,y\n1,2\n")
    sqlite3.connect(tmp_path / "old/shop.db").close()
    return tmp_path / "old"


@pytest.mark.parametrize(
    ("source", "moved"),
    [
        ("exports/a.csv", "../old/exports/a.csv"),
        ("exports/*.csv", "../old/exports/*.csv"),
        ("sqlite:///shop.db", "sqlite:///../old/shop.db"),
        ("mine.py:load", "../old/mine.py:load"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("sklearn:digits", "sklearn:digits"),
        ("/elsewhere/*.csv", "/elsewhere/*.csv"),
    ],
)
def test_a_source_is_named_from_the_new_folder(old, source, moved):
    new = old.parent / "new"
    assert refinement._moved(source, old, new) == moved
    if source.startswith(("exports", "sqlite")):
        section = DataSection(source=moved, query="select 1" if "sqlite" in moved else None)
        found = table_origins.of(section, new)
        assert found is not None
        if isinstance(found, Files):
            assert [path.name for path in found.paths] == ["a.csv", "b.csv"]
