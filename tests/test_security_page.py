"""security.md holds: its roles are the dashboard's, and its numbers those of the code."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from studyhall.search.dashboard import login, server
from studyhall.search.dashboard.routes import ROUTES
from studyhall.search.dashboard.users import Role
from studyhall.search.data.sources import picture
from studyhall.storage.database import private_files
from tests import pages

ROOT = Path(__file__).resolve().parent.parent
PAGE = pages.text("security.md")
WORDS = " ".join(PAGE.split())


def test_the_page_is_linked() -> None:
    assert "explanation/security.md)" in pages.text("dashboard.md")
    assert "explanation/security.md)" in pages.README.read_text(encoding="utf-8")


def test_each_write_is_told_with_its_lowest_role() -> None:
    told = {
        role: set(re.findall(r"`(\w+)`", line))
        for role, line in re.findall(r"^\| (editor|admin) \| (`.*) \|$", PAGE, re.MULTILINE)
    }
    known = {str(role): {each.what for each in ROUTES if each.role is role} for role in Role}
    assert told == {role: writes for role, writes in known.items() if writes}


def test_its_numbers_are_those_of_the_code() -> None:
    for words in (
        f"mode {private_files.FILE:04o}, folders with {private_files.FOLDER:04o}",
        f"bodies above {server.UNKNOWN_BYTES // 1024} KiB",
        f"{server.CONNECTIONS:,} connections, each closed after {server.IDLE_S} s",
        "two slow checks at a time",
        "decodes eleven formats",
    ):
        assert words in WORDS, words
    assert (login.HASHES, len(picture.FORMATS)) == (2, 11)
    assert "PSD" not in picture.FORMATS


def test_its_floors_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}
    for name, words, version in (
        ("waitress", "waitress 3.0.1", "3.0.1"),
        ("werkzeug", "Werkzeug 3.1.5", "3.1.5"),
        ("pillow", "Pillow's is 10.4", "10.4"),
    ):
        assert words in WORDS and str(floors[name]) == f">={version}"
