"""The launch of a study from Python, and what its exit codes stand for."""

import io

import pytest
from rich.console import Console

from studyhall.search.api import launching
from studyhall.search.display.live import Lines
from studyhall.search.process import wire
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies import studies


@pytest.fixture
def study(db):
    return studies.create(db, "toy", config={}, seed=0, trials=1)[0]


def test_what_is_said_behind_the_end_is_kept():
    console = Console(file=io.StringIO())
    with launching.Telling(Lines(console)) as view:
        view.say("worker-1 crashed")
    view.say("toy: a mistake")
    assert console.file.getvalue() == "worker-1 crashed\n" and view.complaints == ["toy: a mistake"]


@pytest.mark.parametrize(
    ("code", "raised"), [(130, KeyboardInterrupt), (2, ConfigError), (1, RuntimeError)]
)
def test_exit_codes_are_exceptions(db, study, code, raised):
    with pytest.raises(raised) as caught:
        launching.judge(db, study, "sqlite:///x.db", code, ["one", "two"])
    assert code == 130 or str(caught.value) == "one\ntwo"


@pytest.mark.parametrize("code", [0, 3, 143])
def test_others_are_none(db, study, code):
    launching.judge(db, study, "sqlite:///x.db", code)


def test_a_worker_of_another_study_begins_none(sqlite_url, monkeypatch):
    launching.check_alone(sqlite_url, "toy")
    monkeypatch.setenv(wire.LAUNCHED, "1")
    with pytest.raises(ConfigError, match="toy: run\\(\\): received a call in a worker of another"):
        launching.check_alone(sqlite_url, "toy")
