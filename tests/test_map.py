"""The map names every room, in the order of the floors."""

import re
import tomllib
from pathlib import Path

from tests import pages

ROOT = Path(__file__).resolve().parent.parent
MAP = pages.text("map.md")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def floors(folder: str) -> list[set[str]]:
    """The rooms of a folder as import-linter has them, from the top floor down."""
    (layers,) = [each["layers"] for each in CONTRACTS if each.get("containers") == [folder]]
    return [{room.strip() for room in floor.split("|")} for floor in layers]


def test_the_rooms_are_those_of_the_contracts_from_the_top_down():
    for folder in ("search", "storage"):
        rooms = [
            room.removesuffix(".py")
            for room in re.findall(rf"^\| `{folder}/([\w.]+)/?` \|", MAP, re.MULTILINE)
        ]
        there = {path.name for path in (ROOT / folder).iterdir() if (path / "__init__.py").exists()}
        assert {*rooms} - {"worker"} == there
        for floor in floors(f"studyhall.{folder}"):
            assert {*rooms[: len(floor)]} == floor
            rooms = rooms[len(floor) :]
