"""The report's tables and figures on confirmation, data curve and longer training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import plotly.graph_objects as go

from studyhall.search.display import words
from studyhall.search.display.curves import TRAIN
from studyhall.search.report.figures import LINE, Figure, dressed

Rows = tuple[list[str], list[list[str]]]
ROW = 34  # pixels per trial


def figures(content: Mapping[str, Any]) -> dict[str, Figure | None]:
    """Return the figures of confirmation and data curve by the names of their elements."""
    confirmed = (content["best"] or {}).get("confirmation")
    return {
        "confirmation": None
        if confirmed is None
        else intervals(confirmed, content["status"]["objective"]),
        "data_curve": None if content["data_curve"] is None else data_curve(content["data_curve"]),
    }


def intervals(confirmed: Mapping[str, Any], objective: str) -> Figure | None:
    """Plot each confirmed trial: mean, 95 % interval, values, and its value in the search."""
    found = [each for each in confirmed["trials"] if each["mean"] is not None]
    if not found:
        return None
    names = [f"trial {each['trial']}" for each in found]
    above, below = (
        [0.0 if each[end] is None else abs(each[end] - each["mean"]) for each in found]
        for end in ("high", "low")
    )
    figure = go.Figure()
    figure.add_scatter(
        x=[value for each in found for value in each["values"]],
        y=[name for name, each in zip(names, found, strict=True) for _ in each["values"]],
        mode="markers", name="a new seed", marker={"color": TRAIN, "size": 6, "opacity": 0.6},
    )  # fmt: skip
    figure.add_scatter(
        x=[each["mean"] for each in found], y=names, mode="markers", name="mean, 95 %",
        marker={"color": LINE, "size": 10},
        error_x={"array": above, "arrayminus": below, "symmetric": False, "color": LINE},
    )  # fmt: skip
    figure.add_scatter(
        x=[each["value"] for each in found], y=names, mode="markers", name="in the search",
        marker={"color": "#8a94a6", "size": 10, "symbol": "x"},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category")
    return dressed(figure, objective, "", height=130 + ROW * len(found))


def data_curve(found: Mapping[str, Any]) -> Figure | None:
    """Plot the objective against the number of training samples."""
    points = found["points"]
    if len(points) < 2:
        return None
    samples = [point["samples"] for point in points]
    figure = go.Figure()
    figure.add_scatter(
        x=samples, y=[point["train"] for point in points], mode="lines+markers", name="train",
        line={"color": TRAIN},
    )  # fmt: skip
    figure.add_scatter(
        x=samples, y=[point["mean"] for point in points], mode="lines+markers", name="validation",
        line={"color": LINE}, error_y={"array": [point["error"] for point in points]},
    )  # fmt: skip
    if found["doubled"] is not None:
        figure.add_scatter(
            x=[samples[-1], 2 * samples[-1]], y=[points[-1]["mean"], found["doubled"]],
            mode="lines+markers", name="twice the data, fitted",
            line={"color": LINE, "dash": "dot"},
        )  # fmt: skip
    return dressed(figure, "training samples", found["objective"])


def confirmation_rows(confirmed: Mapping[str, Any]) -> Rows:
    """Return a header and a row per confirmed trial."""
    body = [
        [
            str(each["trial"]),
            *(words.number(each[name]) for name in ("value", "mean", "low", "high")),
            ", ".join(map(words.number, each["values"])) or "; ".join(each["reasons"]),
        ]
        for each in confirmed["trials"]
    ]
    return ["trial", "in the search", "mean", "95 % from", "to", "each seed"], body


def data_rows(found: Mapping[str, Any]) -> Rows:
    """Return a header and a row per share of the training data."""
    body = [
        [
            f"{point['percent']} %",
            str(point["samples"]),
            words.number(point["mean"]),
            f"{point['error']:.2g}",
            words.number(point["train"]),
        ]
        for point in found["points"]
    ]
    return [
        "training data",
        "samples",
        found["objective"],
        "standard error",
        "on training data",
    ], body


def uses(best: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences if the test set was used for another model or more than once."""
    found = best["test_uses"]
    if best["test"] is None and found:
        yield (
            f"The test set was used for another model, of trial {found[-1]['trial']}, by "
            f"{found[-1]['who']}; the current best model is untested."
        )
    if len(found) > 1:
        yield f"The test set was used {len(found)} times: each use makes its scores less reliable."


def confirmation_told(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return sentences and a table on a confirmation."""
    if found is None:
        return None
    spent = words.duration(found["gpu_seconds"])
    took = f"It took {spent} of device time outside the trial budget."
    return {"said": [*found["summary"], took], "rows": confirmation_rows(found)}


def more_told(
    longer: Mapping[str, Any] | None, curve: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Return sentences and a table on longer training and more data."""
    if longer is None:
        return None
    if curve is None:
        return {"said": [longer["sentence"]], "rows": ([], [])}
    return {"said": [longer["sentence"], *curve["summary"]], "rows": data_rows(curve)}
