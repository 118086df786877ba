"""The outcome of a study for the terminal: three questions in at most 20 lines of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from studyhall.search.display import tables, words
from studyhall.search.evaluation import outcome

GOT, TRUST, NEXT = QUESTIONS = ("What did you get?", "Can you trust it?", "What next?")
COLUMNS = 80  # of a terminal that purposes are aligned on


def shown(told: Mapping[str, Any], head: str) -> Iterator[RenderableType]:
    """Yield the answers to the three questions.

    Args:
        told: an outcome, as `outcome.of` returns it.
        head: which trial it is, and its value.
    """
    yield f"{GOT}  {head}"
    if told["scores"]:
        yield tables.table(*outcome.rows(told))
    yield from (f" {line}" for line in told["baselines"])
    yield TRUST
    yield from map(_listed, told["trust"])
    yield NEXT
    yield from _commands(told["next"])
    if told["model"]:
        yield f" model     {told['model']}"


def hyperparameters(told: Mapping[str, Any]) -> str:
    """Return what was chosen, in as few lines as the terminal is wide."""
    return ", ".join(
        f"{name} {words.value(value)}" for name, value in told["hyperparameters"].items()
    )


def _listed(sentence: str) -> RenderableType:
    """Return a sentence that is wrapped below its own beginning, unless a command is in it."""
    if "studyhall " in sentence:
        return f" -  {sentence}"
    return tables.table((), [["-", sentence]])


def _commands(steps: list[dict[str, str]]) -> Iterator[str]:
    """Yield commands with what they are for, as a comment of the shell: a line can be copied."""
    longest = max((len(step["command"]) for step in steps), default=0)
    purpose = max((len(step["to"]) for step in steps), default=0)
    width = longest if longest + purpose + len("   # ") <= COLUMNS else 0
    for step in steps:
        yield f" {step['command']:{width}}  # {step['to']}"
