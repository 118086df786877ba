"""The display of a launch: a live table on a terminal, else a line per finished trial."""

import io

import pytest

from studyhall.search.display import live
from studyhall.search.display.terminal import Literal
from studyhall.storage.queries import records, status


@pytest.fixture
def run(studio):
    study = studio.study()
    studio.finish(study)
    finished, _ = records.finished_since(studio.db, study, 0)
    return status.status(studio.db, study), finished


def printed(run, *, terminal, quiet=False):
    file = io.StringIO()
    console = Literal(file=file, force_terminal=terminal, width=120)
    with live.view(console, "iris", quiet=quiet) as view:
        view.say("a remark, with [brackets]")
        view.update(*run)
        view.update(run[0], [])
    return file.getvalue()


def test_a_log_has_a_line_for_each_trial_and_remark(run):
    lines = printed(run, terminal=False).splitlines()
    assert lines[0] == "a remark, with [brackets]" and len(lines) == 3
    assert [line.split()[1:3] for line in lines[1:]] == [["trial", "0"], ["trial", "1"]]
    assert [line[-6:] for line in lines[1:]] == ["1 of 2", "2 of 2"]


def test_quiet_is_remarks_only(run):
    assert printed(run, terminal=False, quiet=True) == "a remark, with [brackets]\n"
    assert "trial" not in printed(run, terminal=True, quiet=True)


def test_a_terminal_shows_counts_the_best_and_the_workers(run):
    shown = printed(run, terminal=True)
    assert "a remark, with [brackets]" in shown
    assert "2 complete, 0 pruned, 0 failed, 0 left of 2" in shown
    assert "validation loss" in shown and f"by trial {run[0].incumbent.number}" in shown


def test_before_the_first_result(studio):
    study = studio.study()
    store = studio.worker(study).context.store
    store.claim()
    file = io.StringIO()
    Literal(file=file, width=120).print(live.picture("iris", status.status(studio.db, study)))
    assert "none yet" in file.getvalue() and "0 complete" in file.getvalue()
    assert "worker@" in file.getvalue()


def noted(run, *, terminal):
    """The lines printed while workers wait, then no longer, then again."""
    file = io.StringIO()
    console = Literal(file=file, force_terminal=terminal, width=120)
    with live.view(console, "iris", quiet=False) as view:
        for text in ("1 waits", "1 waits", "", "1 waits"):
            view.note(text)
            view.update(run[0], [])
    return file.getvalue()


def test_a_state_of_the_launch_is_told_when_it_begins(run):
    assert noted(run, terminal=False).splitlines() == ["1 waits"] * 2


def test_and_stands_below_the_table_while_it_lasts(run):
    shown = noted(run, terminal=True)
    assert shown.index("2 complete") < shown.rindex("1 waits")
