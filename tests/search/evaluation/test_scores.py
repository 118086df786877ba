"""Scores of known predictions are the textbook's numbers, and can be stored as JSON."""

import json

import numpy as np
import pytest

from studyhall.search.display import score_tables
from studyhall.search.evaluation import scores

CLASSES = ["cat", "dog", "eel"]


def test_classes_are_scored_one_by_one() -> None:
    y = np.array([0, 0, 1, 1, 1, 2], dtype=np.int32)
    prediction = np.eye(3)[[0, 1, 1, 1, 0, 1]]
    found = scores.scores("multiclass", CLASSES, y, prediction)
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["confusion"] == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    cat, dog, eel = found["classes"]
    assert (cat["precision"], cat["recall"], cat["f1"]) == (0.5, 0.5, 0.5)
    assert (dog["precision"], dog["recall"]) == (0.5, pytest.approx(2 / 3))
    # A class that was never predicted scores nothing, without a warning.
    none = dict.fromkeys(("precision", "recall", "f1", "f0.5", "f2"), 0)
    assert eel == {"name": "eel", **none, "roc_auc": 0.5, "samples": 1}
    assert found["macro"]["f1"] == pytest.approx((0.5 + 4 / 7 + 0) / 3)


def test_f1_of_the_book() -> None:
    """The book chapter's classifiers: A 95 % / 90 % gives 92.4 %, B 98 % / 85 % gives 91 %."""
    for precision, recall, expected in ((0.95, 0.90, 0.924), (0.98, 0.85, 0.910)):
        right, missed = round(1710 * recall / 0.9), round(1710 * (1 - recall) / 0.9)
        wrong = round(right / precision) - right
        y = np.array([1] * (right + missed) + [0] * wrong)
        said = np.array([1.0] * right + [0.0] * missed + [1.0] * wrong)
        found = scores.scores("binary", ["no", "yes"], y, said)
        assert found["classes"][1]["f1"] == pytest.approx(expected, abs=1e-3)


def test_a_probability_of_one_half_is_a_yes() -> None:
    found = scores.scores("binary", ["no", "yes"], [0, 1, 1], [[0.49], [0.5], [0.9]])
    assert (found["accuracy"], found["confusion"]) == (1.0, [[1, 0], [0, 2]])


def test_a_class_absent_from_the_targets_keeps_its_place() -> None:
    found = scores.scores("multiclass", CLASSES, [0, 0], np.eye(3)[[0, 0]])
    assert [len(row) for row in found["confusion"]] == [3, 3, 3]
    assert [line["samples"] for line in found["classes"]] == [2, 0, 0]


def test_several_labels_count_only_when_all_are_right() -> None:
    y = np.array([[1, 0, 1], [0, 1, 0]], dtype=np.float32)
    prediction = np.array([[0.9, 0.2, 0.8], [0.1, 0.7, 0.6]])
    found = scores.scores("multilabel", CLASSES, y, prediction)
    assert found["accuracy"] == 0.5
    assert found["classes"][2]["precision"] == 0.5
    header, body = score_tables.confusion_rows(found)
    assert header == ["label", "true negative", "false positive", "false negative", "true positive"]
    assert body[2] == ["eel", "0", "1", "0", "1"]


def test_micro_scores_count_every_decision() -> None:
    y = np.array([0, 0, 1, 1, 1, 2])
    found = scores.scores("multiclass", CLASSES, y, np.eye(3)[[0, 1, 1, 1, 0, 1]])
    assert set(found["micro"].values()) == {found["accuracy"]}  # one decision a sample
    dog = found["classes"][1]
    p, r = 0.5, 2 / 3
    assert dog["f2"] == pytest.approx(5 * p * r / (4 * p + r))
    assert dog["f0.5"] == pytest.approx(1.25 * p * r / (0.25 * p + r))


def test_a_roc_auc_counts_the_pairs_in_the_right_order() -> None:
    found = scores.scores("binary", ["no", "yes"], [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    assert found["classes"][1]["roc_auc"] == found["macro"]["roc_auc"] == 0.75
    alone = scores.scores("binary", ["no", "yes"], [1, 1], [0.4, 0.9])
    assert alone["macro"]["roc_auc"] is None
    assert "ROC-AUC" not in score_tables.sentence(alone)


def test_calibration_is_how_far_confidence_is_from_accuracy() -> None:
    sure, y = [0.95] * 10 + [0.35] * 10, [1] * 8 + [0] * 2 + [0] * 9 + [1]
    found = scores.scores("binary", ["no", "yes"], y, sure)["calibration"]
    assert found["bins"] == [
        {"above": 0.6, "up_to": 0.7, "samples": 10, "confidence": pytest.approx(0.65),
         "accuracy": 0.9},
        {"above": 0.9, "up_to": 1.0, "samples": 10, "confidence": pytest.approx(0.95),
         "accuracy": 0.8},
    ]  # fmt: skip
    assert found["error"] == pytest.approx((0.25 + 0.15) / 2)
    labels = scores.scores("multilabel", CLASSES[:2], [[1, 0]], [[0.7, 0.2]])["calibration"]
    assert labels["error"] == pytest.approx((0.3 + 0.2) / 2)


@pytest.mark.parametrize("shape", [(4,), (2, 2)])
def test_numbers_are_scored_by_their_errors(shape: tuple[int, ...]) -> None:
    y = np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32).reshape(shape)
    found = scores.scores("regression", [], y, (y + 2).reshape(-1, *shape[1:]))
    assert (found["mae"], found["rmse"]) == (2.0, 2.0)
    assert found["r2"] < 1


def test_a_models_column_of_numbers_is_not_broadcast() -> None:
    found = scores.scores("regression", [], [1.0, 3.0], [[1.0], [3.0]])
    assert (found["mae"], found["r2"]) == (0.0, 1.0)


def test_one_number_has_no_r2() -> None:
    found = scores.scores("regression", [], [1.0], [2.0])
    assert found["r2"] is None
    assert score_tables.sentence(found) == "MAE 1, RMSE 1, R² – on 1 sample"


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_scores_can_be_stored_and_shown(task: str) -> None:
    y = np.eye(3)[[0, 1, 2]].astype(np.float32) if task == "multilabel" else np.array([0, 1, 1])
    prediction = np.array([0.1, 0.9, 0.8]) if task in ("binary", "regression") else np.eye(3)
    classes = CLASSES[:2] if task == "binary" else CLASSES
    found = scores.scores(task, classes, y, prediction)
    assert json.loads(json.dumps(found)) == found
    assert score_tables.sentence(found).endswith("on 3 samples")
    header, body = score_tables.rows(found)
    assert body
    assert all(len(row) == len(header) for row in body)
    if task != "regression":
        header, body = score_tables.confusion_rows(found)
        assert [row[0] for row in body] == classes
        header, body = score_tables.reliability_rows(found)
        assert all(len(row) == len(header) for row in body)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="received 1 predictions, expected 2"):
        scores.scores("binary", ["no", "yes"], [0, 1], [0.5])
    with pytest.raises(ValueError, match="task: received ranking"):
        scores.scores("ranking", [], [0], [0])
