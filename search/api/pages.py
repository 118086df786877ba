"""Tables in HTML, as which a notebook shows a study and its best trial."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from studyhall.search.display import frame, show, words
from studyhall.spaces.spelling import visible
from studyhall.storage.queries.status import Status

Lines = Iterable[tuple[str, str]]


def of_study(name: str, state: Status) -> str:
    """Return a study's counts and best trial.

    Args:
        name: the study's name.
        state: its status.
    """
    finished = f"{show.of_limit(state.finished, state)} finished"
    lines = [("trials", finished), ("", frame.ended(state))]
    if state.running:
        lines.append(("running", str(len(state.running))))
    best = state.incumbent
    if best is not None:
        called = words.called(best.number, words.name(best))
        lines.append((f"best {state.objective}", f"{words.number(best.value)}, trial {called}"))
        lines += of_values(best.params)
    return page(f"study {name}", lines)


def of_best(
    number: int, value: float, params: Mapping[str, Any], scores: Any, folder: Path | None
) -> str:
    """Return the best trial; the arguments are the attributes of a `BestTrial`."""
    numbers = {name: each for name, each in (scores or {}).items() if isinstance(each, int | float)}
    lines = [("value", words.number(value)), *of_values(params)]
    if numbers:
        lines += [("scores", ""), *of_values(numbers)]
    if folder is not None:
        lines.append(("folder", str(folder)))
    return page(f"best trial: {number}", lines)


def of_values(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a line for each value by its name."""
    return [(name, words.value(value)) for name, value in values.items()]


def page(title: str, lines: Lines) -> str:
    """Return a table of names and values, with everything in them shown literally."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{_literal(name)}</th>"
        f"<td style='text-align:left'>{_literal(value)}</td></tr>"
        for name, value in lines
    )
    return f"<table><caption>{_literal(title)}</caption><tbody>{rows}</tbody></table>"


def _literal(text: str) -> str:
    return html.escape(visible(text))
