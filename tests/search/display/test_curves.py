"""A stored history is read the same way by notes and pictures."""

import math

from studyhall.search.display import curves

HISTORY = [
    {"epoch": 1, "loss": 2.0, "val_loss": math.nan, "keras_loss": 3.0, "keras_val_loss": 3.0},
    {"epoch": 2, "loss": 1.0, "val_loss": 1.5, "auc": 0.7, "val_auc": 0.6, "learning_rate": 0.1},
    {"epoch": 3, "loss": 0.5, "val_loss": None, "auc": 0.8, "val_auc": math.inf},
]


def test_what_the_database_keeps_becomes_flat() -> None:
    stored = {"fold": 0, "epoch": 1, "value": 0.5, "metrics": {"loss": 0.7, "accuracy": 0.9}}
    flat = {"fold": 0, "epoch": 1, "val_loss": 0.5, "loss": 0.7, "accuracy": 0.9}
    assert curves.flat([stored]) == [flat]
    assert curves.flat([flat]) == [flat]
    assert curves.flat([{"epoch": 1, "value": 0.5, "metrics": {"val_loss": 0.25}}]) == [
        {"epoch": 1, "val_loss": 0.25}
    ]


def test_the_best_epoch_has_a_finite_loss() -> None:
    assert curves.best_epoch(HISTORY) is HISTORY[1]
    assert curves.best_epoch(HISTORY[:1]) is None
    assert curves.best_epoch([]) is None


def test_of_equally_good_epochs_the_first_is_best() -> None:
    assert curves.best_epoch([{"epoch": e, "val_loss": 1.0} for e in (1, 2)]) == {
        "epoch": 1,
        "val_loss": 1.0,
    }


def test_metrics_are_what_both_sets_have_and_the_loss_comes_first() -> None:
    assert curves.metrics(HISTORY) == ["loss", "auc"]
    assert curves.metrics([]) == ["loss"]


def test_what_is_no_number_reads_as_nan() -> None:
    assert math.isnan(curves.number(HISTORY[2], "val_loss"))
    assert math.isnan(curves.number(HISTORY[2], "val_auc"))
    assert math.isnan(curves.number(HISTORY[0], "auc"))
    assert curves.number({"loss": 1}, "loss") == 1.0


def test_epochs_are_told_apart_by_fold() -> None:
    rows = [{"epoch": 1, "fold": 0}, {"epoch": 2, "fold": 0}, {"epoch": 1, "fold": 1}]
    assert curves.folds(rows) == [rows[:2], rows[2:]]
    assert curves.last_epoch(rows) == 2
    assert (curves.folds([]), curves.last_epoch([])) == ([], 0)


def test_a_trial_is_drawn_by_its_loss_and_its_objective() -> None:
    rows = [{"accuracy": 1, "val_accuracy": 1, "f1_macro": 1, "val_f1_macro": 1}]
    assert curves.drawn(rows, "f1_macro") == ["loss", "f1_macro"]
    assert curves.drawn(rows, "validation loss") == ["loss", "accuracy"]
    assert curves.drawn([], "f1_macro") == ["loss"]
