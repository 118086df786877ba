"""Verdicts of a real study: from its history, for programs and for people."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from studyhall.search.diagnosis import judging, more_epochs, trained
from studyhall.search.diagnosis.best_losses import Reached
from studyhall.search.diagnosis.evidence import measure
from studyhall.search.diagnosis.judging import Judge
from studyhall.search.display import json_keys
from studyhall.search.evaluation import best, best_text
from studyhall.search.study.record import stored
from studyhall.storage.queries import records, status

DIVERGING = """
    import keras

    def build(trial, input_shape, outputs):
        inputs = keras.Input(input_shape)
        output = keras.layers.Dense(outputs)(inputs)
        model = keras.Model(inputs, output)
        rate = 1e30 if trial.number == 1 else 1e-2
        model.compile(keras.optimizers.SGD(rate), "mean_squared_error")
        return model

"""


@pytest.fixture(scope="module")
def run(shared_studio):
    """Three finished trials on iris, of 12 epochs, and what they came to."""
    space = {"width": 8, "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}}
    study = shared_studio.study(
        study={"trials": 3, "human_error": 0.02}, training={"epochs": 12}, space=space
    )
    shared_studio.finish(study)
    return shared_studio.db, study, records.trials(shared_studio.db, study)


def test_every_trial_gets_a_verdict(run):
    db, study, trials = run
    found = judging.of_study(db, study, trials)
    assert [*found] == [0, 1, 2]
    for number, verdict in found.items():
        assert verdict == judging.of_trial(db, study, trials, trials[number])
        shown = json.loads(json.dumps(json_keys.of_trial(trials[number], verdict.to_json())))[
            "verdict"
        ]
        assert shown["name"] == verdict.name and 0 <= shown["confidence"] <= 1
        assert shown["evidence"]["epochs"] == 12 and shown["advice"]
        assert shown["quadrant"]["reference"] == "[study] human_error = 0.02"


def test_the_histories_are_those_of_the_trials(run):
    db, study, trials = run
    assert records.histories(db, study) == {
        trial.trial_id: records.history(db, trial.trial_id) for trial in trials
    }


def test_the_unit_is_the_loss_of_guessing(run):
    db, study, trials = run
    assert stored(study).inspection.about["samples"] == {
        "training": 90, "validation": 30, "test": 30
    }  # fmt: skip
    evidence = judging.of_trial(db, study, trials, trials[0]).evidence
    assert evidence.guess_loss == pytest.approx(1.0986, abs=1e-3)  # ln 3


def test_the_best_trial_shows_its_verdict(run):
    db, study, trials = run
    found = best.read(db, study)
    incumbent = status.status(db, study).incumbent
    assert found.verdict == judging.of_trial(db, study, trials, incumbent)
    assert best.to_json(found)["verdict"]["name"] == found.verdict.name
    lines = [line for line in best_text.shown(found, full=True) if isinstance(line, str)]
    assert any(line.startswith(f"verdict  {found.verdict.name}") for line in lines)


def test_the_note_in_the_dashboard_has_it_too(run):
    db, study, trials = run
    attributes = db.optuna_storage().get_study_system_attrs(study.study_id)
    for trial in trials:
        note = attributes[f"dashboard:{trial.trial_id}:note_str:0"]
        assert "**Verdict:** " in note and "confidence" in note


def test_a_loss_that_is_no_number_is_said_so(studio):
    study = studio.study(
        DIVERGING, data={"source": "sklearn:diabetes"}, training={"epochs": 4}, space={
            "width": None, "learning_rate": None}
    )  # fmt: skip
    studio.finish(study)
    trials = records.trials(studio.db, study)
    found = judging.of_study(studio.db, study, trials)
    assert found[1].name == "diverged" and found[1].confidence == 1.0


def curve(epochs, rate):
    return [{"epoch": e, "loss": 1 - rate * e, "val_loss": 1 - rate * e} for e in range(1, epochs)]


def test_who_was_not_allowed_to_go_on_is_not_blamed(run):
    judge = Judge(stored(run[1]), [Reached("none", [0.05])])
    falling = curve(11, 0.02)
    assert judge.verdict("COMPLETE", falling, {}, {}).name == "cut short"
    pruned = judge.verdict("PRUNED", falling, {}, {})
    assert (pruned.name, pruned.shows) == ("cut short", trained.STILL_FALLING)


@pytest.mark.parametrize(
    ("state", "stopped", "advice"),
    [
        ("COMPLETE", "epochs", "raise [training] epochs above 12"),
        ("COMPLETE", "patience", "raise [training] patience above "),
        ("COMPLETE", "time", "raise [training] trial_minutes"),
        ("PRUNED", None, ""),
    ],
)
def test_who_was_cut_short_is_advised_by_what_ended_it(run, state, stopped, advice):
    verdict = Judge(stored(run[1])).verdict(state, curve(8, 0.8), {"stopped": stopped}, {})
    longer = [said for said in verdict.advice if "[training]" in said]
    assert verdict.name == "cut short"
    assert [said.startswith(advice) for said in longer] == [True] * bool(advice)
    assert (verdict.shows == trained.EARLY) == (stopped == "patience")


def test_the_advice_and_the_answer_whether_to_train_longer_agree(run):
    judge = Judge(stored(run[1]), [Reached("none", [0.28])])
    epochs = np.arange(1, 41)
    slowly = 0.3 - 0.0003 * epochs
    turning = 0.2 + 0.0005 * (epochs - 9) ** 2 / 10
    for losses, answer, said in (
        (slowly, "yes", "train longer, as"),
        (turning, "no", "would not improve it"),
    ):
        history = [
            {"epoch": e, "loss": v, "val_loss": v} for e, v in zip(epochs, losses, strict=True)
        ]
        verdict = judge.verdict("COMPLETE", history, {}, {})
        assert more_epochs.ask(run[2][0], verdict).answer == answer
        assert verdict.name == "good fit" and said in verdict.advice[0]


@pytest.mark.parametrize("stopped", ["epochs", "patience"])
def test_a_best_epoch_among_the_last_never_says_that_more_would_not_help(run, stopped):
    judge, trial = Judge(stored(run[1])), replace(run[2][0], attributes={"stopped": stopped})
    for seed in range(50):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(2, 90))
        losses = rng.uniform(0.01, 2) * np.exp(-np.arange(count) / rng.uniform(1, 60))
        losses += rng.normal(0, rng.uniform(0, 0.02), count) + 0.1
        losses[-1 - (count > 20)] = losses.min() - 1e-6
        history = [{"epoch": e, "loss": v, "val_loss": v} for e, v in enumerate(losses, 1)]
        found = more_epochs.ask(trial, judge.verdict("COMPLETE", history, {}, {}))
        assert found.answer != "no", found


@pytest.mark.parametrize("best", range(1, 30))
@pytest.mark.parametrize("share", [0.3, 1.1, 1.5, 1.9])
def test_what_would_be_enough_is_more_than_there_was(best, share):
    since = max(2, round(share * best))
    x = np.arange(1, best + since + 1)
    losses = 1 + 0.03 * np.abs(x - best) / x + 0.01 * (x % 2)
    history = [{"epoch": e, "loss": v, "val_loss": v} for e, v in zip(x, losses, strict=True)]
    said = more_epochs.answered(measure(history, 2.0), "patience")[1]
    for waited, enough in re.findall(r"it (\d+) epochs after .*; (\d+) would be enough", said):
        assert int(enough) > int(waited)


def test_a_loss_that_stands_still_needs_no_more_epochs(run):
    flat = [{"epoch": e, "loss": 0.3, "val_loss": 0.3} for e in range(1, 13)]
    found = more_epochs.ask(run[2][0], Judge(stored(run[1])).verdict("COMPLETE", flat, {}, {}))
    assert found.answer == "no" and "no longer fell in the 11 epochs" in found.why
    early = more_epochs.ask(run[2][0], Judge(stored(run[1])).verdict("COMPLETE", flat[:8], {}, {}))
    assert early.answer == "unknown" and early.why.endswith("too early to tell; 8 would be enough")


def test_folds_are_judged_together(run):
    judge = Judge(stored(run[1]))
    poor = [{"epoch": e, "loss": 1.0, "val_loss": 1.0, "fold": 2} for e in range(1, 11)]
    fine = [
        {"epoch": e, "loss": 0.5**e, "val_loss": 0.5**e, "fold": fold}
        for fold in (0, 1)
        for e in range(1, 11)
    ]
    whole, alone = (judge.verdict("COMPLETE", rows, {}, {}) for rows in (fine + poor, fine))
    assert whole.name == alone.name == "good fit"
    assert whole.confidence == pytest.approx(alone.confidence * 2 / 3, abs=0.01)


def test_other_failures_and_empty_histories_have_none(run):
    judge = Judge(stored(run[1]))
    assert judge.verdict("FAIL", curve(9, 0.01), {"reason": "out of memory"}, {}) is None
    assert judge.verdict("RUNNING", [], {}, {}) is None


def test_a_good_fit_that_has_not_won_is_told_what_the_winner_has_otherwise(run):
    judge, epochs = Judge(stored(run[1])), np.arange(1, 41)
    losses = 0.01 + np.exp(-epochs / 4)
    history = [{"epoch": e, "loss": v, "val_loss": v} for e, v in zip(epochs, losses, strict=True)]
    wins = replace(run[2][0], state="COMPLETE", number=7, params={"rate": 0.01, "how": "relu"})
    other = replace(wins, number=3, params={"rate": 0.25, "how": "relu"})
    twin = replace(wins, number=4)
    told = [judging._of(judge, each, history, wins).advice for each in (wins, other, twin)]
    assert told[0][0].startswith("keep it")
    assert told[1] == ("the best trial of the search, 7, has rate 0.01 (here 0.25)",)
    assert told[2] == ("the best trial of the search, 7, has the same, and another seed",)
