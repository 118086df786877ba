"""Notes and artifacts read back by the dashboard's and Optuna's own functions."""

import math
import subprocess
import sys
from typing import Any

import optuna
import optuna_dashboard
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard._serializer import serialize_study_detail
from optuna_dashboard.artifact import get_artifact_path

from studyhall.search.display import notes

HISTORY = [
    {
        "epoch": epoch,
        "loss": 1 / epoch,
        "val_loss": 0.3 + abs(3 - epoch) / 10,
        "accuracy": 0.5,
        "val_accuracy": 0.4 + epoch / 10,
        "keras_loss": 2.0,
        "keras_val_loss": 2.0,
    }
    for epoch in range(1, 6)
]


@pytest.fixture
def study() -> optuna.Study:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    return study


def stored(study: optuna.Study, attributes: notes.Attributes) -> None:
    for key, value in attributes.items():
        study._storage.set_study_system_attr(study._study_id, key, value)


def note_of(study: optuna.Study, **changed: Any) -> str:
    """The second trial's note as the dashboard reads it back."""
    trial = study.trials[1]
    told = {"state": "COMPLETE", "history": HISTORY, "params": {"dropout": 0.25}, **changed}
    stored(study, notes.trial_note(study._study_id, trial._trial_id, trial.number, **told))
    return optuna_dashboard.get_note(optuna.Trial(study, trial._trial_id))


def test_a_finished_trials_note_tells_what_it_found(study: optuna.Study) -> None:
    body = note_of(study, value=0.3, stopped="patience")
    assert body.startswith(
        "**Trial 1: validation loss 0.3 at epoch 3**, after 5 epochs (no more improvement)."
    )
    assert "| epoch 3 | train | validation |" in body
    assert "| loss | 0.3333 | 0.3 |" in body
    assert "| accuracy | 0.5 | 0.7 |" in body
    assert "keras" not in body
    assert "| dropout | 0.25 |" in body


def test_the_verdict_stands_above_its_advice(study: optuna.Study) -> None:
    body = note_of(study, verdict=["underfitting, confidence 0.9", "raise width", "train longer"])
    assert "**Verdict:** underfitting, confidence 0.9\n\n- raise width\n- train longer" in body
    assert "Verdict" not in note_of(study)


def test_the_note_shows_the_curve_where_the_dashboard_serves_it(study: optuna.Study) -> None:
    trial = optuna.Trial(study, study.trials[1]._trial_id)
    body = note_of(study)
    curve = get_artifact_path(trial, notes.artifact_id(trial._trial_id, notes.CURVE))
    history = get_artifact_path(trial, notes.artifact_id(trial._trial_id, notes.HISTORY))
    assert f"![learning curve]({curve})" in body
    assert f"[All epochs as CSV]({history})" in body


def test_a_pruned_trial_says_so(study: optuna.Study) -> None:
    body = note_of(study, state="PRUNED")
    assert body.startswith("**Trial 1 was pruned after 5 epochs:** it fell behind. Its best: ")


def test_a_failed_trial_gives_its_reason_as_plain_text(study: optuna.Study) -> None:
    body = note_of(
        study, state="FAIL", history=[], params={}, reason="ValueError: <script> | a_b*\n`c`"
    )
    assert body == (
        "**Trial 1 failed after 0 epochs:** ValueError: &lt;script&gt; \\| a\\_b\\* \\`c\\`"
    )


def test_a_diverged_trial_has_no_number_to_show(study: optuna.Study) -> None:
    body = note_of(study, history=[{"epoch": 1, "loss": math.nan, "val_loss": math.nan}])
    assert body.startswith("**Trial 1: validation loss –**, after 1 epoch.")


def test_folds_are_told_apart(study: optuna.Study) -> None:
    rows = [{**row, "fold": fold} for fold in range(2) for row in HISTORY]
    body = note_of(study, history=rows, value=0.31)
    assert body.startswith("**Trial 1: validation loss 0.31**, after 10 epochs.")
    assert "| mean of the best epochs | train | validation |" in body


def test_a_long_note_is_cut_as_the_dashboard_cuts_it(study: optuna.Study) -> None:
    body = "Überlänge " * 1000
    stored(study, notes.note(body))
    assert optuna_dashboard.get_note(study) == body
    ours = notes.note(body)
    optuna_dashboard.save_note(study, body)
    theirs = study._storage.get_study_system_attrs(study._study_id)
    assert {key: theirs[key] for key in ours} == {**ours, "dashboard:note_ver": 2}


def test_optuna_lists_a_trials_curve_and_history(study: optuna.Study) -> None:
    trial_id = study.ask()._trial_id
    for key, value in notes.trial_artifacts(trial_id).items():
        study._storage.set_trial_system_attr(trial_id, key, value)
    found = get_all_artifact_meta(optuna.Trial(study, trial_id))
    assert [(meta.filename, meta.mimetype, meta.encoding) for meta in found] == [
        ("curve.png", "image/png", None),
        ("history.csv", "text/csv", None),
    ]
    made = [notes.made_on_demand(meta.artifact_id) for meta in found]
    assert made == [(trial_id, "curve.png"), (trial_id, "history.csv")]


def test_the_winners_model_is_listed_with_study_and_trial(study: optuna.Study) -> None:
    trial = study.trials[0]
    identifier = "3b2f0c9e111142228333444455556666"
    name = f"model-digits-0-{identifier}.keras"
    stored(study, notes.stored_artifact(trial._trial_id, name, "digits.keras"))
    (meta,) = get_all_artifact_meta(study)
    assert (meta.artifact_id, meta.filename) == (identifier, "digits.keras")
    shown = serialize_study_detail(
        study._storage.get_all_studies()[0], [], study.trials, [], [], [], False, {}, []
    )
    assert [a["filename"] for a in shown["trials"][0]["artifacts"]] == ["digits.keras"]
    assert shown["trials"][1]["artifacts"] == []
    assert notes.made_on_demand(identifier) is None
    with pytest.raises(ValueError, match="expected the name of a stored object"):
        notes.stored_artifact(trial._trial_id, "digits.keras", "digits.keras")


def test_notes_are_made_without_the_dashboard() -> None:
    code = (
        "import sys; from studyhall.search.display import notes;"
        "sys.exit(bool({'optuna_dashboard', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
