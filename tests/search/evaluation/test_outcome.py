"""The three answers about a study, from what is known of its best trial."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from studyhall.search.display.terminal import Literal
from studyhall.search.evaluation import best, best_text, next_steps, outcome, proof, score_cells

PROOF = {"proven": True, "recorded": 2e8, "reloaded": 2e8, "difference": 16.0, "tolerance": 1e4}
TOLD = {
    "study": "iris", "trial": 3, "value": 0.1, "proof": None, "test": None, "out_of_fold": None,
    "baselines": None, "confirmation": None, "test_uses": [],
}  # fmt: skip
AROUND = next_steps.Around(
    "validation loss", tried=30, trainable=True, shares=True, model="m.keras"
)


def classes(accuracy, samples=360):
    return {
        "task": "multiclass",
        "samples": samples,
        "accuracy": accuracy,
        "macro": {"f1": accuracy},
    }


def told(valid, test, **further):
    tested = {"times": 1, "model_sha256": "a", "scores": test}
    return outcome.of(
        {**TOLD, "proof": {**PROOF, "scores": valid}, "test": tested, **further}, AROUND
    )


def test_scores_stand_side_by_side_with_their_intervals():
    head, rows = outcome.rows(told(classes(0.992), classes(0.975)))
    assert head == ["", "validation (95 %)", "test (95 %)"]
    assert rows[0] == ["accuracy", "99.2 % (97.6 … 99.7)", "97.5 % (95.3 … 98.7)"]


@pytest.mark.parametrize(
    ("valid", "test", "said", "ending"),
    [
        (0.992, 0.975, "flatters it there: accuracy 99.2 % against 97.5 %", "may be chance"),
        (0.992, 0.9, "flatters it there: accuracy 99.2 % against 90.0 %", "too wide for chance"),
        (0.97, 0.975, "may flatter it there: accuracy 97.0 % against 97.5 %", "is no worse"),
    ],
)
def test_how_much_the_choice_among_trials_flatters_is_said(valid, test, said, ending):
    first = told(classes(valid), classes(test))["trust"][0]
    assert first.startswith("the best of 30 trials") and said in first and first.endswith(ending)


def test_scores_of_a_baseline_are_never_told_as_the_models():
    """Also where the model has none on the test set, and its baselines do."""
    scores = {"accuracy": 0.1, "f1": 0.1}
    models = [{"name": "guessing", "validation": scores, "test": scores}]
    found = outcome.of(
        {
            **TOLD,
            "proof": {**PROOF, "scores": classes(0.98)},
            "baselines": {"models": models, "not_beaten": {}},
        },
        AROUND,
    )
    assert "10.0 %" not in found["trust"][0] and "a test score would say" in found["trust"][0]


def test_a_baseline_that_leads_in_some_scores_is_named_with_these():
    beaten = {"gradient-boosted trees": [], "logistic regression": ["ROC-AUC"]}
    found = told(classes(0.9), classes(0.9), baselines={"models": [], "not_beaten": beaten})
    expected = "it does not beat gradient-boosted trees and logistic regression (ROC-AUC)"
    assert found["baselines"] == [expected]


def test_the_proofs_difference_is_a_share_of_the_value():
    trust = " ".join(told(classes(0.9), classes(0.9))["trust"])
    assert "scores the same within 8e-08 of it" in trust and "16" not in trust


def test_no_score_is_rounded_to_perfect():
    shares = (0.9999, 1.0, 0.0004, 0.5, 1 - 1e-12, 1e-12, 0.0)
    assert [score_cells.percent(share) for share in shares] == [
        "99.99", "100.0", "0.04", "50.0", "99.9999", "0.0001", "0.0"]  # fmt: skip


def test_a_study_of_a_script_is_offered_no_command_that_cant_run():
    around = next_steps.Around("loss", tried=3, trainable=False, model="m.keras")
    commands = [each["command"] for each in next_steps.of(TOLD, around)]
    assert commands == ["studyhall best iris --export iris"]


@pytest.fixture
def finished(studio):
    study = studio.study(study={"trials": 2}, data={"source": "sklearn:wine"})
    studio.finish(study)
    proof.finish(studio.db, study)
    return best.read(studio.db, study)


def last_lines(finished, storage):
    """The end of a launch, on a terminal of 80 columns; without its line of hyperparameters."""
    console = Literal(width=80)
    with console.capture() as captured:
        for part in best_text.shown(replace(finished, storage=storage, folder=Path("best")))[1:]:
            console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_launch_ends_with_them_in_20_lines_of_80_columns(finished):
    lines = last_lines(finished, "")
    assert len(lines) <= 20, "\n".join(lines)
    assert lines[0].startswith("What did you get?  trial ")
    assert "Can you trust it?" in lines and "What next?" in lines
    assert any(re.match(r" loss +\d\S* \(\S+ … \S+\) +\d\S* \(", line) for line in lines)
    assert lines[-1].startswith(" --full    shows verdict")


def test_a_database_elsewhere_is_told_to_the_shell_once(finished):
    url = "postgresql://ann@db.example.org/studies"
    lines = last_lines(finished, f" --storage {url}")
    commands = [line for line in lines if line.startswith(" studyhall ")]
    assert f"What next?  export STUDYHALL_STORAGE={url}" in lines and len(lines) <= 20
    assert len(commands) == 4 and not any("--storage" in line for line in commands)
    assert len(last_lines(finished, " --storage sqlite:///a.db")) <= 20


def test_the_loss_of_the_model_has_an_interval_on_both_sets(finished):
    [loss] = [
        each for each in best.to_json(finished)["outcome"]["scores"] if each["measure"] == "loss"
    ]
    assert loss["validation"]["value"] == pytest.approx(finished.proof["reloaded"], rel=1e-4)
    for part in (loss["validation"], loss["test"]):
        assert part["low"] < part["value"] < part["high"]
