"""Every page holds: its commands are understood, its examples are right, its links lead on."""

import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from studyhall.search.study_file import config
from tests import commands, pages
from tests.pages import ROOT, code

PICTURE_BYTES = 200_000
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in pages.ALL}
EVERY = "\n".join(TEXTS.values())
SOURCES = ("search", "spaces", "storage", "studyhall", "benchmarks", "recipes", "tests", "pictures")

each_page = pytest.mark.parametrize("name", TEXTS)


@each_page
def test_every_command_that_it_types_is_one(name: str) -> None:
    for words in typed(TEXTS[name]):
        try:
            commands.understood(words)
        except Exception as error:
            raise AssertionError(f"studyhall {shlex.join(words)}: {error}") from error


def typed(page: str) -> Iterator[list[str]]:
    """Every studyhall command of a page's code blocks, word by word."""
    for line in "\n".join(code("sh", page)).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["studyhall"]:
            yield list(itertools.takewhile(lambda word: word not in (">", "|", "&&"), words[1:]))


def test_every_command_is_typed_somewhere() -> None:
    assert {commands.split(words)[0] for words in typed(EVERY)} == set(commands.ALL)


@each_page
def test_its_toml_is_a_study_file_without_a_mistake(name: str) -> None:
    for example in code("toml", TEXTS[name]):
        config.parse(whole(example), name)


def whole(example: str) -> str:
    """A study file of an example that shows only some tables."""
    needed = {"study": 'name = "x"', "data": 'source = "sklearn:digits"'}
    tables = tomllib.loads(example)
    missing = [f"[{table}]\n{line}\n" for table, line in needed.items() if table not in tables]
    return "".join(missing) + example


@each_page
def test_its_python_compiles(name: str) -> None:
    for example in code("python", TEXTS[name]):
        compile(example, name, "exec")


@each_page
def test_its_code_is_in_a_language_that_a_test_reads(name: str) -> None:
    opened = re.findall(r"^ *```(\w*)", TEXTS[name], re.MULTILINE)[::2]
    assert {*opened} <= {"sh", "python", "toml", "text"}


def test_every_make_target_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([\w-]+)", EVERY, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@each_page
def test_every_link_leads_somewhere(name: str) -> None:
    found = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"|href=\"([^\"]+)\"", TEXTS[name])
    for link in filter(None, itertools.chain.from_iterable(found)):
        path, _, part = link.partition("#")
        if "://" not in link and not link.startswith("data:"):
            target = (ROOT / name).parent / path if path else ROOT / name
            assert target.is_file(), link
            assert not part or part in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the site make of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_page_that_the_code_names_is_there() -> None:
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".toml") and path.is_file():
                text = path.read_text(encoding="utf-8")
                for page in re.findall(r"\bdocs/[\w/-]+\.(?:md|json)", text):
                    assert (ROOT / page).is_file(), f"{path}: {page}"


def test_every_source_file_that_a_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:search|spaces|storage|tests|benchmarks)/[\w/.]*)`", EVERY))
    assert len(named) > 40
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_picture_is_small_and_shown() -> None:
    pictures = [*(ROOT / "pictures").glob("*.png"), *(ROOT / "pictures").glob("*.svg")]
    assert [each.name for each in pictures if each.stat().st_size > PICTURE_BYTES] == []
    assert [each.name for each in pictures if f"pictures/{each.name}" not in EVERY] == []
