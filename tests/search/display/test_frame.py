"""The live view's frame: it fits the terminal, and shows epochs, curves and what ended last."""

import io

import pytest

from studyhall.search.display.frame import Frame, Plan, finished_table
from studyhall.search.display.sparkline import sparkline
from studyhall.search.display.terminal import Literal
from studyhall.storage.queries import curves, records, status


def drawn(part, width, height=24):
    console = Literal(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(part)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_frame_fits_and_shows_trials_under_way_and_ended(studio, width):
    study = studio.study(study={"trials": 3})
    worker = studio.worker(study)
    worker.run(worker.context.store.claim())
    worker.context.store.claim()
    state = status.status(studio.db, study)
    ended, _ = records.finished_since(studio.db, study, 0)
    told = {1: [0.9, 0.5, 0.3]}
    frame = Frame("iris", state, Plan(40, "TensorFlow"), told, ended * 20, "a note")
    lines = drawn(frame, width)
    assert len(lines) < 24 and max(map(len, lines)) <= width
    assert "1 complete" in lines[0] and "by trial 0" in lines[1] and lines[-1] == "a note"
    assert ("█" in "".join(lines)) == (width > 60)
    assert sum("learning_rate=" in line for line in lines) >= 5
    assert "0 of 40" in "".join(lines)


def test_before_the_first_trial_it_says_what_happens(studio):
    frame = Frame("iris", status.status(studio.db, studio.study()), Plan(40, "TensorFlow"))
    assert drawn(frame, 80)[-1] == "starting TensorFlow"


def test_curves_are_those_of_trials_under_way(studio):
    study = studio.study(study={"trials": 2})
    worker = studio.worker(study)
    worker.run(worker.context.store.claim())
    found = studio.db.snapshot(lambda t: curves.running(t, study.study_id, epochs=9))
    assert found == {}
    assert "complete" in "".join(drawn(finished_table(records.trials(studio.db, study)), 80))


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 8, ""),
        ([1.0, 1.0], 8, "▁▁"),
        ([8.0, 1.0], 8, "█▁"),
        ([1.0, None, float("nan"), 8.0], 8, "▁  █"),
        ([1e-4, 1e-2, 1.0], 8, "▁▅█"),
        (list(map(float, range(80))), 3, "▁▅█"),
    ],
)
def test_sparklines(values, width, expected):
    assert sparkline(values, width) == expected
