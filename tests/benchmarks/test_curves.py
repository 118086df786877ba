"""Replays on a made-up recording, in which the best configurations begin badly."""

import argparse
import json

import numpy as np
import optuna
import pytest

from benchmarks import curves_file, curves_picture, curves_replay, curves_strategies
from benchmarks.curves_file import Recording
from benchmarks.curves_strategies import Verdict
from benchmarks.quality_tasks import TASKS
from studyhall.search.study_file import config
from studyhall.search.trial import sampling
from studyhall.storage.database import encoding

EPOCHS, COUNT = 20, 300
SPACES = {
    "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
    "optimizer": optuna.distributions.CategoricalDistribution(["adam", "sgd"]),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A recording: with a low learning rate curves begin high, and most of them end low."""
    random = np.random.default_rng(0)
    lines = [{"task": "digits-mlp", "distributions": packed()}]
    for number in range(COUNT):
        rate = float(10 ** random.uniform(-4, -1))
        slow = -np.log10(rate) / 4  # from 0.25 to 1
        floor = random.uniform(0.2, 1) * (1.2 - slow)
        curve = floor + (1 + 2 * slow) * 2.0 ** -np.arange(EPOCHS)
        line = {"number": number, "params": {"learning_rate": rate, "optimizer": "adam"}}
        times = {"seconds": [0.01] * EPOCHS, "setup_s": 0.05}
        lines.append({**line, "curve": curve.tolist(), **times, "test": None})
    lines[7]["curve"] = [0.9, float("nan")]
    lines[7]["seconds"] = [0.01, 0.01]
    file = tmp_path_factory.mktemp("curves") / "digits-mlp.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + '\n{"number": 99')
    return file


def packed():
    return {name: encoding.distribution_json(space) for name, space in SPACES.items()}


def replayed(recording, name, seed=0, seconds=60.0):
    strategy = curves_strategies.made(name, recording, seed)
    return curves_replay.replay(recording, strategy, seconds=seconds, cost_s=0.0, patience=10)


def test_early_epochs_tell_less_than_late_ones(path):
    recording = Recording.read(path)
    assert len(recording.curves) == COUNT and recording.distributions == SPACES
    found = curves_file.rank_correlations(recording)
    assert found[0] < 0 < found[-2] and found[-1] == pytest.approx(1)
    kept = curves_file.survivors(recording)
    assert len(kept) == EPOCHS and kept[0] < 0.5 and kept[-1] == 1


def test_the_median_of_complete_trials_falls_and_prunes_nearly_all_at_epoch_one(path):
    recording = Recording.read(path)
    found = replayed(recording, "random+median")
    states = [trial.state for trial in found.trials]
    assert found.all_taken and len(states) == COUNT and states.count("FAIL") == 1
    first, last = found.first_epochs(10), found.first_epochs(300)
    assert first is not None and last is not None and last < first - 0.1
    early = [t for t in found.trials if t.state == "PRUNED" and len(t.reports) == 1]
    assert len(early) > COUNT / 2
    unpruned = replayed(recording, "random+none")
    assert found.best[-1][1] > unpruned.best[-1][1]


def test_the_default_pruner_loses_nothing_where_the_best_begin_badly(path):
    recording = Recording.read(path)
    for seed in range(3):
        found, unpruned = (replayed(recording, f"random+{name}", seed) for name in ("auto", "none"))
        assert found.best[-1][1] == unpruned.best[-1][1]
        assert any(trial.state == "PRUNED" for trial in found.trials)


def test_the_default_strategy_is_what_a_study_file_does_by_default(path):
    file = config.parse(TASKS["digits-mlp"].text())
    search = curves_strategies.Search(Recording.read(path), 0)
    factory = sampling.sampler_factory(file, TASKS["digits-mlp"].search_space())
    assert type(factory(0)) is type(search._sampler._factory(0))
    assert type(sampling.pruner(file, "digits-mlp")) is type(search._pruner)


@pytest.mark.parametrize("name", ["tpe+median:4", "tpe:3+none", "random+hyperband:2"])
def test_other_samplers_and_pruners_of_ours(path, name):
    found = replayed(Recording.read(path), name, seconds=5.0)
    assert 10 < len(found.trials) < COUNT and not found.all_taken
    assert all(when <= 5.0 for when, _ in found.best)
    pruned = [len(t.reports) for t in found.trials if t.state == "PRUNED"]
    assert all(epochs >= 2 for epochs in pruned)


def test_a_strategy_may_pause_a_trial_and_let_it_go_on(path):
    class InTwoParts:
        def __init__(self):
            self.paused, self.ended, self.begun = [], [], 0

        def choose(self, number):
            if self.paused and self.begun >= 5:
                return self.paused.pop()
            self.begun += 1
            return self.begun - 1

        def judge(self, number, reports, epoch):
            if epoch == 3:
                self.paused.append(number)
            return Verdict.PAUSE if epoch == 3 else Verdict.GO_ON

        def learn(self, finished):
            self.ended.append(finished.number)

    strategy = InTwoParts()
    found = curves_replay.replay(
        Recording.read(path), strategy, seconds=1.0, cost_s=0.0, patience=0
    )
    assert strategy.ended[:2] == [4, 3]
    assert all(len(trial.reports) == EPOCHS for trial in found.trials)


def test_the_table_has_a_row_for_each_strategy(path, capsys):
    options = argparse.Namespace(
        strategy=["random+none", "random+median"], replays=2, seconds=5.0, speed=2.0, cost=0.01
    )
    curves_replay.show(path, options)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[-2:]] == options.strategy


def test_searches_are_drawn_below_one_another(path, tmp_path):
    options = argparse.Namespace(
        strategy=None, seconds=None, speed=0.1, cost=0.01, output=tmp_path / "drawn.png"
    )
    curves_picture.draw(path, options)
    assert options.output.read_bytes().startswith(b"\x89PNG")


def test_an_unknown_strategy_is_refused(path):
    with pytest.raises(SystemExit, match="bayes"):
        curves_strategies.made("bayes+none", Recording.read(path), 0)
    with pytest.raises(SystemExit, match=r"\+always"):
        curves_strategies.made("random+always", Recording.read(path), 0)


def test_a_recording_of_another_space_is_not_continued(path):
    with pytest.raises(SystemExit, match="record it elsewhere"):
        curves_file.Recorder(path.parent, "digits-mlp")


def test_a_recording_goes_on_after_a_line_that_was_cut_off(tmp_path):
    recorder = curves_file.Recorder(tmp_path, "digits-mlp")
    with recorder.path.open("a") as file:
        file.write('{"number": 3')
    recorder = curves_file.Recorder(tmp_path, "digits-mlp")
    assert recorder.known == set()
    assert list(recorder.add([{"number": 3}, {"number": 4}])) == [1, 2]
    assert curves_file.Recorder(tmp_path, "digits-mlp").known == {3, 4}
