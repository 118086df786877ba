"""The exit codes of workers, as Python sees them."""

import io

import pytest
from rich.console import Console

from studyhall.search.api import outcomes
from studyhall.search.display.live import Lines
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies import studies


@pytest.fixture
def study(db):
    return studies.create(db, "toy", config={}, seed=0, trials=1)[0]


def test_what_is_said_behind_the_end_is_kept():
    console = Console(file=io.StringIO())
    with outcomes.Telling(Lines(console)) as view:
        view.say("worker-1 crashed")
    view.say("toy: a mistake")
    assert console.file.getvalue() == "worker-1 crashed\n" and view.complaints == ["toy: a mistake"]


@pytest.mark.parametrize(
    ("code", "raised"), [(130, KeyboardInterrupt), (2, ConfigError), (1, RuntimeError)]
)
def test_exit_codes_are_exceptions(db, study, code, raised):
    with pytest.raises(raised) as caught:
        outcomes.judge(db, study, "sqlite:///x.db", code, ["one", "two"])
    assert code == 130 or str(caught.value) == "one\ntwo"


@pytest.mark.parametrize("code", [0, 3, 143])
def test_others_are_none(db, study, code):
    outcomes.judge(db, study, "sqlite:///x.db", code)
