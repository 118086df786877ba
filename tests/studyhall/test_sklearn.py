"""The estimators for scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import studyhall
from studyhall.sklearn import TunedClassifier, TunedRegressor

X, Y = load_iris(return_X_y=True)
NAMES = load_iris().target_names[::-1][Y]
SPACE = {"learning_rate": [0.03, 0.05]}
SMALL = {"space": SPACE, "trials": 2, "epochs": 15}


def test_a_classifier_predicts_classes_and_their_probabilities():
    fitted = TunedClassifier(**SMALL).fit(X, NAMES)
    assert [*fitted.classes_] == [
        "setosa",
        "versicolor",
        "virginica",
    ] and fitted.n_features_in_ == 4
    shares = fitted.predict_proba(X)
    assert shares.shape == (150, 3) and np.allclose(shares.sum(axis=1), 1)
    assert [*fitted.predict(X)] == [*fitted.classes_[shares.argmax(axis=1)]]
    assert fitted.score(X, NAMES) > 0.85
    assert len(fitted.trials_) == 2 and fitted.best_params_["learning_rate"] in (0.03, 0.05)
    assert fitted.best_value_ == fitted.trials_["value"].min()
    again = pickle.loads(pickle.dumps(fitted))
    assert np.allclose(again.predict_proba(X), shares)


def test_two_classes_have_two_probabilities_in_their_order():
    fitted = TunedClassifier(**SMALL).fit(X[:100], NAMES[:100])
    assert fitted.predict_proba(X[:3]).shape == (3, 2)
    assert fitted.score(X[:100], NAMES[:100]) > 0.9


@pytest.mark.slow
def test_it_stands_in_a_pipeline_under_cross_validation():
    steps = make_pipeline(StandardScaler(), TunedClassifier(SPACE, trials=1, epochs=10, seed=2))
    scores = cross_val_score(steps, X, Y, cv=2, error_score="raise")
    assert scores.min() > 0.7
    assert clone(steps).get_params()["tunedclassifier__seed"] == 2


def test_nothing_is_said_of_a_test_set_which_the_caller_has(capsys):
    TunedClassifier(SPACE, trials=1, epochs=1).fit(X, Y)
    told = capsys.readouterr()
    assert "test samples" not in told.out + told.err


@pytest.mark.slow
def test_folds_rank_the_trials():
    fitted = TunedClassifier(SPACE, trials=1, epochs=3, cv=3).fit(X, Y)
    assert fitted.predict(X).shape == (150,)


def test_a_regressor_predicts_in_the_units_of_its_targets():
    x, y = make_regression(300, 5, noise=1.0, random_state=0)
    fitted = TunedRegressor(**SMALL).fit(x, 1000 + 10 * y)
    assert fitted.score(x, 1000 + 10 * y) > 0.8


def test_a_study_with_a_name_is_kept_and_continued(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{tmp_path}/studyhall.db")
    for trials in (1, 2):
        fitted = TunedClassifier(SPACE, trials=trials, epochs=2, name="iris").fit(X, Y)
        assert len(fitted.trials_) == trials
    assert len(studyhall.Study("iris").trials) == 2
    with pytest.raises(studyhall.ConfigError, match="use another"):
        TunedClassifier(SPACE, trials=2, epochs=2, name="iris").fit(X[1:], Y[1:])


def test_mistakes_are_said():
    with pytest.raises(NotFittedError):
        TunedClassifier().predict(X)
    with pytest.raises(ValueError, match="only one class"):
        TunedClassifier().fit(X[:50], Y[:50])
    with pytest.raises(studyhall.ConfigError, match=r"estimator: \[training\] epochs: received 0"):
        TunedClassifier(epochs=0).fit(X, Y)


@pytest.mark.slow
@parametrize_with_checks(
    [
        TunedClassifier({"learning_rate": 0.05}, trials=1, epochs=5),
        TunedRegressor({"learning_rate": 0.02}, trials=1, epochs=60, patience=60),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_takes_it_for_an_estimator(estimator, check):
    check(estimator)
