"""Scores as tables of text for terminals and reports; imports nothing that computes scores."""

from __future__ import annotations

from typing import Any

Scores = dict[str, Any]

COLUMNS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "f0.5": "F0.5",
    "f2": "F2",
    "roc_auc": "ROC-AUC",
}
MULTILABEL, REGRESSION = "multilabel", "regression"


def rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """Return scores as a header and rows of text: a row per class, or per regression error."""
    if "no_scores" in found:
        return ["score", "value"], [[_objective(found), _short(found.get("value"))]]
    if found["task"] == REGRESSION:
        names = {"mae": "MAE", "rmse": "RMSE", "r2": "R²"}
        return ["score", "value"], [[names[key], _short(found[key])] for key in names]
    lines = [*found["classes"], {"name": "mean of classes (macro)", **found["macro"]}]
    if "micro" in found:  # missing in scores recorded by older versions
        lines.append({"name": "all decisions (micro)", **found["micro"]})
    body = [
        [
            line["name"],
            *(_three(line.get(key)) for key in COLUMNS),
            str(line.get("samples", found["samples"])),
        ]
        for line in lines
    ]
    return ["class", *COLUMNS.values(), "samples"], body


def reliability_rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """Return the reliability table: mean predicted probability and accuracy of each bin.

    There are no rows if the calibration is not recorded.
    """
    bins = found.get("calibration", {}).get("bins", [])
    body = [
        [
            f"{each['above']:.1f} to {each['up_to']:.1f}",
            str(each["samples"]),
            f"{each['confidence']:.3f}",
            f"{each['accuracy']:.3f}",
        ]
        for each in bins
    ]
    return ["probability", "samples", "mean probability", "accuracy"], body


def confusion_rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """Return the confusion matrix as a header and rows: true classes down, predicted across.

    For multilabel tasks, return a row per label with its true and false negatives and positives.
    """
    names = [line["name"] for line in found["classes"]]
    if found["task"] == MULTILABEL:
        said = ["true negative", "false positive", "false negative", "true positive"]
        flat = [[str(n) for row in matrix for n in row] for matrix in found["confusion"]]
        return ["label", *said], [[name, *row] for name, row in zip(names, flat, strict=True)]
    body = [
        [name, *map(str, counts)] for name, counts in zip(names, found["confusion"], strict=True)
    ]
    return ["true \\ predicted", *names], body


def sentence(found: Scores) -> str:
    """Return the scores in one line: ``accuracy 0.972, mean F1 0.971 on 360 samples``."""
    if "no_scores" in found:
        value = f"{_objective(found)} {_short(found['value'])}, " if "value" in found else ""
        return f"{value}no scores: {found['no_scores']}"
    if found["task"] == REGRESSION:
        numbers = f"MAE {found['mae']:.4g}, RMSE {found['rmse']:.4g}, R² {_short(found['r2'])}"
    else:
        numbers = f"accuracy {found['accuracy']:.3f}, mean F1 {found['macro']['f1']:.3f}"
        numbers += _further(found)
    samples = "sample" if found["samples"] == 1 else "samples"
    return f"{numbers} on {found['samples']} {samples}"


def _objective(found: Scores) -> str:
    """Return the objective's name without "validation": these scores are of the test set."""
    return str(found.get("objective", "loss")).removeprefix("validation ")


def _further(found: Scores) -> str:
    area, off = found["macro"].get("roc_auc"), found.get("calibration", {}).get("error")
    named = {"ROC-AUC": area, "calibration error": off}
    return "".join(f", {name} {value:.3f}" for name, value in named.items() if value is not None)


def _three(number: float | None) -> str:
    return "–" if number is None else f"{number:.3f}"


def _short(number: float | None) -> str:
    return "–" if number is None else f"{number:.4g}"
