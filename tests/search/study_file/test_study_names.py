"""Every way to name a study takes the same names."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studyhall.search.api import settings as of_program
from studyhall.search.cli import importing
from studyhall.search.study_file import config, study_names
from studyhall.search.study_file.config_error import ConfigError

TABLES = {"data": {"source": "sklearn:iris"}}
NAMES = st.text(max_size=8) | st.from_regex(r"[A-Za-z0-9._/\\ -]{0,102}\n?")


def takes(check, *given):
    try:
        check(*given)
    except ConfigError:
        return False
    return True


@settings(deadline=None)
@example("a\n")
@example("..")
@example("a/b")
@example("trash/a")
@example("a" * 100)
@example("a" * 101)
@example("é")
@given(name=NAMES)
def test_a_study_file_a_program_and_an_option_take_the_same(name):
    taken = takes(study_names.check, name, "--name")
    assert takes(config.from_dict, {**TABLES, "study": {"name": name}}) == taken
    program = name, {"study": {"name": name}}, None, "sklearn:iris", [], None
    assert takes(of_program.study_file, *program) == taken
    assert not taken or study_names.legal(name).startswith(name.rstrip("-._"))


@pytest.mark.parametrize("name", ["a b", "../x", "", "x\n", "-x"])
def test_an_imported_project_needs_such_a_name(tmp_path, name):
    with pytest.raises(ConfigError, match=r"--name: received .*, expected at most 100 letters"):
        importing.imported(tmp_path, name, None, f"sqlite:///{tmp_path}/studyhall.db")
    assert not (tmp_path / "studyhall.db").exists()


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "", " ", "\u202egnp"])
def test_another_tools_study_needs_one_that_a_terminal_shows(name):
    with pytest.raises(ConfigError, match=r"expected printable characters: optuna\.copy_study"):
        study_names.check_foreign(name)
    study_names.check_foreign("étude nº 2/b")
