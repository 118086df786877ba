"""The summary of made-up searches, and the search that training processes ask over a socket."""

import json
import math
import threading

import pytest

from benchmarks import quality, quality_run, quality_search, quality_summary, quality_tasks
from tests import pages
from tests.pages import ROOT


def result(peer, seed, steps, test=0.1, workers=1):
    return {
        "task": "digits-mlp",
        "peer": peer,
        "seed": seed,
        "workers": workers,
        "seconds": 60.0,
        "steps": steps,
        "trials": 10,
        "pruned": 4,
        "test": {"loss": test, "accuracy": 0.9},
    }


def trial(at, value, state="COMPLETE"):
    return {"at": at, "value": value, "values": {"width": at}, "state": state, "epochs": 3}


RESULTS = [
    result("studyhall", 0, [[6.0, 0.5], [12.0, 0.2]]),
    result("studyhall", 1, [[6.0, 0.5], [30.0, 0.1]]),
    result("studyhall", 2, [[6.0, 0.5]]),
    result("slow", 0, [[50.0, 0.2]]),
    result("slow", 1, [[20.0, 0.4], [50.0, 0.15]]),
    result("slow", 2, [[50.0, 0.3]]),
]


def test_medians_over_time_and_the_time_to_a_peers_value():
    found = quality_summary.numbers(RESULTS)["digits-mlp"]
    assert found["studyhall"]["best"] == [0.5, 0.5, 0.2, 0.2]
    assert found["slow"]["best"] == [math.inf, math.inf, math.inf, 0.2]
    median, low, high = found["slow"]["time to its value"]
    assert (median, low, high) == (0.5, 0.2, math.inf)  # 12 s, 30 s and never, of 60 s
    assert found["slow"]["better with"] == 1


def test_searches_by_several_workers_are_compared_among_themselves():
    several = [
        result("studyhall", 0, [[20.0, 0.3]], 0.2, workers=8),
        result("slow", 0, [[30.0, 0.1]], workers=8),
    ]
    found = quality_summary.numbers([*RESULTS, *several])
    assert list(found) == ["digits-mlp", "digits-mlp, 8 workers"]
    assert found["digits-mlp, 8 workers"]["slow"]["better with"] == 0
    assert found["digits-mlp"] == quality_summary.numbers(RESULTS)["digits-mlp"]


def test_all_pairs_are_counted_together():
    found = [result("slow", 1, [[50.0, 0.2]], test=0.3), *RESULTS[:2], RESULTS[3]]
    assert quality_summary.in_all(quality_summary.numbers(found)) == (
        "In 1 of 2 pairs of searches studyhall's last validation loss is the lower one, "
        "in 1 the test loss of its winner."
    )


def test_the_table_says_when_a_value_was_never_reached():
    text = quality_summary.text(RESULTS)
    (row,) = [line for line in text.splitlines() if line.startswith("slow")]
    assert "0.50 (0.20 … never)" in row and "accuracy 0.9" in row


def test_results_are_read_without_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(RESULTS[0]) + '\n{"task": "digits-m')
    assert quality_summary.read(path) == RESULTS[:1]
    assert quality_summary.read(tmp_path / "none.jsonl") == []


def test_each_trial_is_noted_with_the_best_so_far():
    lines = quality_run.with_best(
        [trial(3, 0.4), trial(1, None, "FAIL"), trial(2, 0.5), trial(4, 0.6)]
    )
    assert [line["best"] for line in lines] == [None, 0.5, 0.4, 0.4]
    assert lines[-1]["winner"] == {"width": 3}
    found = quality_run.summary(lines, {"value": 0.4})
    assert found["steps"] == [[2, 0.5], [3, 0.4]]
    assert (found["trials"], found["pruned"], found["failed"]) == (4, 0, 1)


def test_peers_get_plain_values_of_every_space():
    for task in quality_tasks.TASKS.values():
        entries = quality_tasks.described(task.search_space())
        assert len(entries) >= 7 and json.loads(json.dumps(entries)) == entries
    assert set(quality_tasks.LIVE) <= set(quality_tasks.TASKS)


@pytest.mark.parametrize("name", ["Median", "Hyperband"])
def test_a_search_answers_trainings_over_a_socket(tmp_path, name):
    from benchmarks import quality_optuna

    space = quality_tasks.described(quality_tasks.TASKS["digits-mlp"].search_space())
    search = getattr(quality_optuna, name)(space, seed=0, epochs=9, workers=1)
    address = str(tmp_path / "socket")
    threading.Thread(target=quality_search.serve, args=(search, address), daemon=True).start()
    asking = connected(address)
    states = []
    for number in range(20):
        asked = asking.ask()
        assert asked is not None and asked.epochs == 9 and len(asked.values) == 7
        goes_on = all(asking.report(asked.name, epoch, 1.0 + number) for epoch in range(1, 10))
        states.append("COMPLETE" if goes_on else "PRUNED")
        asking.tell(asked.name, 1.0 + number, states[-1])
    # Which of Hyperband's brackets a trial is in depends on the study's name, drawn by Optuna.
    assert states[0] == "COMPLETE" and "PRUNED" in states


def connected(address):
    for _ in range(200):
        try:
            return quality_search.Asking(address)
        except (FileNotFoundError, ConnectionRefusedError):
            threading.Event().wait(0.02)
    raise AssertionError("nobody listens")


def test_the_documented_tables_are_those_of_the_kept_results():
    kept = quality_summary.read(ROOT / "benchmarks" / "measured" / "results.jsonl")
    assert {one["peer"] for one in kept} == {*quality.CONTESTANTS}
    assert quality_summary.markdown(kept) in pages.text("search.md")
