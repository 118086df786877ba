"""Workers with more and with less memory: a model that is too large for one is left to another."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# The first trial waits for a file; the second needs 12,000 MiB.
GREEDY = """
import os, pathlib, time
import keras

def build(trial, input_shape, outputs):
    go = pathlib.Path(__file__).with_name("go")
    while trial.number == 0 and not go.exists():
        time.sleep(0.1)
    if trial.number == 1 and int(os.environ["STUDYHALL_MEMORY_MIB"]) < 12_000:
        raise MemoryError("12 GB")
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Dense(outputs, activation="softmax")
    ])
"""


@pytest.fixture
def waiting(folder, wait_for):
    """A study whose second trial has run out of memory twice, and waits; its two workers."""
    folder.write("mine.py", GREEDY)
    folder.study(
        model={"family": "mine.py:build"},
        space={"width": None, "learning_rate": None},
        workers={"heartbeat": 1.0, "silence": 20.0},
    )
    folder.create("study.toml")
    workers = []

    def start(mib, there):
        folder.environment["STUDYHALL_MEMORY_MIB"] = str(mib)
        workers.append(folder.start("worker", "iris"))
        wait_for(there, workers[-1])

    try:
        start(16_000, lambda: folder.status("iris").held)
        start(8000, lambda: any(one.needs_larger for one in folder.status("iris").running))
        yield folder, *workers
    finally:
        for worker in workers:
            worker.kill()


def test_it_is_left_to_the_larger_worker(waiting, wait_for):
    folder, large, small = waiting
    assert "waiting for a worker with more than 7.8 GiB" in folder.here("status", "iris")
    wait_for(lambda: len(folder.status("iris").workers) == 2, small)  # the fresh one waits too
    folder.write("go", "")
    for worker in (small, large):
        assert worker.wait(200) == 0
    done, tried = folder.trials("iris")
    assert (done.state, done.attempt) == ("COMPLETE", 1)
    assert tried.state == "COMPLETE" and tried.attempt >= 3
    assert tried.worker.endswith(f":{large.pid}")


def test_it_fails_once_the_larger_worker_is_dead(waiting):
    folder, large, small = waiting
    large.kill()
    folder.write("go", "")
    assert small.wait(200) == 0
    done, tried = folder.trials("iris")
    assert (done.state, done.attempt) == ("COMPLETE", 2)
    assert (tried.state, tried.attempt) == ("FAIL", 2)
    assert tried.attributes["reason"] == (
        "out of memory, 2 times, with 8000 MiB; no worker with more is left"
    )
    assert folder.json("status", "iris")["left"] == 0
