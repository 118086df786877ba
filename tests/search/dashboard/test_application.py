"""optuna-dashboard shows the same with its slow spots mended."""

import optuna
from optuna_dashboard import _serializer

from studyhall.search.dashboard import application
from studyhall.search.display import notes


def test_looking_notes_up_by_trial_changes_nothing_that_is_shown() -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
    for trial in study.trials[::2]:
        attributes = {
            **notes.note(f"trial {trial.number} " * 500, trial._trial_id),
            **notes.stored_artifact(trial._trial_id, "f" * 32, f"{trial.number}.keras"),
            **notes.note("the study's"),
        }
        for key, value in attributes.items():
            study._storage.set_study_system_attr(study._study_id, key, value)
    plain = getattr(
        _serializer.serialize_frozen_trial, "__wrapped__", _serializer.serialize_frozen_trial
    )
    whole = study._storage.get_study_system_attrs(study._study_id)
    narrowed = application._narrowed(plain)
    for trial in study.trials:
        shown = narrowed(study._study_id, trial, whole)
        assert shown == plain(study._study_id, trial, whole)
    assert len(shown["artifacts"]) == 0
    assert "trial 10" in narrowed(study._study_id, study.trials[10], whole)["note"]["body"]


def test_our_long_attributes_fit_the_page_and_others_stay() -> None:
    seconds = dict.fromkeys(("build", "trace", "train"), 12.340551614761353)
    seconds["wait"] = 3.0000000001e-05
    own = {"values": {f"hyperparameter_{n}": n for n in range(40)}, "seconds": seconds}
    about = {**own, "theirs": "x" * 300, "seed": 1484405855}
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs=about))
    plain = getattr(
        _serializer.serialize_frozen_trial, "__wrapped__", _serializer.serialize_frozen_trial
    )
    found = application._narrowed(plain)(study._study_id, study.trials[0], {})["user_attrs"]
    shown = {each["key"]: each["value"] for each in found}
    assert shown["seconds"] == '{"build": 12.34, "trace": 12.34, "train": 12.34, "wait": 3e-05}'
    assert len(shown["values"]) == application.WIDEST and shown["values"].endswith("…")
    assert shown["theirs"] == "x" * 300 and shown["seed"] == "1484405855"


def test_trials_are_shown_as_they_are_now() -> None:
    study = optuna.create_study()
    for count in (1, 2):
        study.add_trial(optuna.trial.create_trial(value=0.5))
        assert len(application._trials(None, study._storage, study._study_id)) == count
