"""Scores as tables of text, for terminals and reports; needs nothing that computes them."""

from __future__ import annotations

from typing import Any

Scores = dict[str, Any]

MULTILABEL, REGRESSION = "multilabel", "regression"


def rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """Scores as a header and rows of text: a line per class, or a line per error."""
    if found["task"] == REGRESSION:
        names = {"mae": "MAE", "rmse": "RMSE", "r2": "R²"}
        return ["score", "value"], [[names[key], _short(found[key])] for key in names]
    named = ("precision", "recall", "f1")
    lines = [*found["classes"], {"name": "mean of classes", **found["macro"]}]
    body = [
        [
            line["name"],
            *(f"{line[key]:.3f}" for key in named),
            str(line.get("samples", found["samples"])),
        ]
        for line in lines
    ]
    return ["class", "precision", "recall", "F1", "samples"], body


def confusion_rows(found: Scores) -> tuple[list[str], list[list[str]]]:
    """The confusion matrix as a header and rows of text: true classes down, predicted across.

    For multilabel, a row per label with what was rightly and wrongly said of it.
    """
    names = [line["name"] for line in found["classes"]]
    if found["task"] == MULTILABEL:
        said = ["right no", "wrong yes", "wrong no", "right yes"]
        flat = [[str(n) for row in matrix for n in row] for matrix in found["confusion"]]
        return ["label", *said], [[name, *row] for name, row in zip(names, flat, strict=True)]
    body = [
        [name, *map(str, counts)] for name, counts in zip(names, found["confusion"], strict=True)
    ]
    return ["true \\ predicted", *names], body


def sentence(found: Scores) -> str:
    """The scores in one line: ``accuracy 0.972, mean F1 0.971 on 360 samples``."""
    if found["task"] == REGRESSION:
        numbers = f"MAE {found['mae']:.4g}, RMSE {found['rmse']:.4g}, R² {_short(found['r2'])}"
    else:
        numbers = f"accuracy {found['accuracy']:.3f}, mean F1 {found['macro']['f1']:.3f}"
    samples = "sample" if found["samples"] == 1 else "samples"
    return f"{numbers} on {found['samples']} {samples}"


def _short(number: float | None) -> str:
    return "–" if number is None else f"{number:.4g}"
