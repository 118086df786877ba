"""The trials that `studyhall trials` shows, and their order."""

import random
from typing import Any

import pytest

from studyhall.search.cli import trials
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

STATES = ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
SHOWN = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


def drawn(seed: int) -> list[TrialRecord]:
    """Trials of all states; those that failed have no value, some values are equal."""
    draw = random.Random(seed)
    states = [*STATES, *draw.choices(STATES, k=30)]
    return [
        TrialRecord(
            number, number, state, None if state == "FAIL" else draw.randint(-9, 9) / 4,
            None, 1, {}, {}, None, None, None, 1, 0, 0.0, 0.0,
        )
        for number, state in enumerate(states)
    ]  # fmt: skip


def study(direction: str) -> Study:
    return Study(1, "drawn", 0, {}, 0.0, (direction,))


def chosen(found: list[TrialRecord], direction: str = "minimize", **asked: Any) -> list[int]:
    """Their numbers."""
    states = asked.get("states", [*trials.State])
    order = asked.get("sort")
    picked = trials._chosen(study(direction), found, states, order, asked.get("top"))
    return [trial.number for trial in picked]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(5))
def test_by_value_the_best_come_first_and_those_without_a_result_last(seed, direction):
    found = drawn(seed)
    numbers = chosen(found, direction, sort=trials.Order.VALUE)
    assert sorted(numbers) == [*range(len(found))]
    complete = [found[n].value for n in numbers if found[n].state == "COMPLETE"]
    assert complete == sorted(complete, reverse=direction == "maximize")
    assert all(found[n].state == "COMPLETE" for n in numbers[: len(complete)])
    assert chosen(found, direction, top=3) == numbers[:3]
    assert chosen(found, direction, top=3, sort=trials.Order.NUMBER) == [0, 1, 2]


@pytest.mark.parametrize("state", trials.State)
def test_of_some_states_alone(state):
    found = drawn(7)
    expected = [trial.number for trial in found if SHOWN[trial.state] == state]
    assert chosen(found, states=[state]) == expected
    both = chosen(found, states=[state, trials.State.FAILED])
    assert both == [n for n in range(len(found)) if SHOWN[found[n].state] in (state, "failed")]
