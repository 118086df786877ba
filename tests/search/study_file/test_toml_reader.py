"""Study files as editors and shells write them: encodings, backslashes, and what no TOML is."""

import codecs
from pathlib import Path

import pytest

from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError

TEXT = '[study]\r\nname = "iris"\r\n[data]\r\nsource = "sklearn:iris"\r\n'
CURE = "write / instead, or use single quotes"


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        config.load(path)
    return error.value.problems


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(codecs.BOM_UTF8 + TEXT.encode())
    assert config.load(path).study.name == "iris"
    assert config.parse(f"\ufeff{TEXT}").study.name == "iris"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_come_with_the_cure(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "powershell.toml"
    path.write_bytes(TEXT.encode(encoding))
    assert refused(path) == [
        "powershell.toml: received UTF-16, expected UTF-8: save it with the encoding UTF-8"
    ]


def test_text_of_older_windows_comes_with_line_and_cure(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_bytes(TEXT.replace("sklearn:iris", "Müller.csv").encode("latin-1"))
    assert refused(path) == [
        "old.toml: line 4: received bytes that are not UTF-8, expected UTF-8: "
        "save it with the encoding UTF-8"
    ]


@pytest.mark.parametrize("source", [r"C:\Users\ann\iris.csv", r"data\iris.csv", r"\\host\x.csv"])
def test_a_path_of_windows_in_double_quotes_comes_with_the_cure(source: str) -> None:
    with pytest.raises(ConfigError) as error:
        config.parse(f'[study]\nname = "x"\n[data]\nsource = "{source}"\n')
    (line,) = error.value.problems
    assert (line.startswith("study.toml: ") and line.endswith(CURE)) or "path" in line


@pytest.mark.parametrize("source", [r"C:\temp\new.csv", r"\nas\x.csv"])
def test_a_path_that_became_tabs_and_lines_comes_with_the_cure(source: str) -> None:
    with pytest.raises(ConfigError) as error:
        text = f'[study]\nname = "x"\nartifacts = "{source}"\n[data]\nsource = "{source}"\n'
        config.parse(text.replace(r"\x", r"\t"))
    assert len(error.value.problems) == 2
    assert all("write / or use single quotes" in line for line in error.value.problems)


def test_single_quotes_keep_backslashes() -> None:
    text = "[study]\nname = 'x'\n[data]\nsource = 'C:\\Users\\iris.csv'\n"
    assert config.parse(text).data.source == r"C:\Users\iris.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a = {'9' * 5000}", "received a number with thousands of digits, expected fewer"),
        (f"a = {'[' * 3000}", "received lists or tables hundreds deep, expected a study file"),
        ("a = ", "line 1, end of file: Invalid value"),
        ('a = "', "line 1, end of file: Unterminated string"),
    ],
)
def test_what_no_toml_is(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        config.parse(text)
    assert error.value.problems == [f"study.toml: {said}"]


@pytest.mark.parametrize("key", ["source", "artifacts", "family"])
def test_the_home_of_nobody_is_refused(key: str) -> None:
    name = "~nosuchuser/x.py:f"
    tables = {"study": {"name": "x"}, "data": {"source": "sklearn:iris"}, "model": {}}
    table = {"source": "data", "artifacts": "study", "family": "model"}[key]
    tables[table][key] = name
    with pytest.raises(ConfigError) as error:
        config.from_dict(tables)
    expected = "expected a path without ~nosuchuser, whose home folder is not known"
    assert error.value.problems == [f'stored study: [{table}] {key}: received "{name}", {expected}']


def test_a_name_with_a_nul_byte_is_no_file() -> None:
    with pytest.raises(ConfigError, match="null byte, expected a study file"):
        config.load("a\0b.toml")
