"""A trial that writes each suggestion down at once."""

import optuna

from studyhall.search.trial.noting import noting


def test_each_suggestion_is_noted_and_is_the_trials_own():
    trial = optuna.trial.FixedTrial({"units": 3, "rate": 0.1, "how": "relu"})
    noted = []
    careful = noting(trial, lambda: noted.append(dict(trial.params)))
    assert careful.suggest_int("units", 1, 9) == 3
    assert careful.suggest_float("rate", 0.0, high=1.0) == 0.1
    assert careful.suggest_categorical("how", choices=["relu", "tanh"]) == "relu"
    assert [list(params) for params in noted] == [
        ["units"],
        ["units", "rate"],
        ["units", "rate", "how"],
    ]
    assert careful.params == trial.params and careful.number == trial.number and len(noted) == 3
