"""The outcome of a study for the terminal: three questions in at most 20 lines of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from studyhall.search.display import tables, words
from studyhall.search.display.terminal import out
from studyhall.search.evaluation import outcome

GOT, TRUST, NEXT = QUESTIONS = ("What did you get?", "Can you trust it?", "What next?")
COLUMNS = 80  # of a terminal that purposes are aligned on
OPTION = " --storage "  # before the quoted URL of a database


def shown(told: Mapping[str, Any], head: str, storage: str = "") -> Iterator[RenderableType]:
    """Yield the answers to the three questions.

    Args:
        told: an outcome, as `outcome.of` returns it.
        head: which trial it is, and its value.
        storage: options that its commands need to find the same database.
    """
    yield f"{GOT}  {head}"
    if told["scores"]:
        yield tables.table(*outcome.rows(told))
    yield from (f" {line}" for line in told["baselines"])
    yield TRUST
    yield from map(_listed, told["trust"])
    yield from _commands(told["next"], storage)
    if told["model"]:
        yield f" model     {told['model']}"


def hyperparameters(told: Mapping[str, Any]) -> str:
    """Return what was chosen, in as few lines as the terminal is wide."""
    return ", ".join(
        f"{name} {words.value(value)}" for name, value in told["hyperparameters"].items()
    )


def _listed(sentence: str) -> RenderableType:
    """Return a sentence that a terminal wraps below its own beginning, unless a command is in it.

    In a log or pipe it stays a line, which can be searched for.
    """
    if "studyhall " in sentence or not out.is_terminal:
        return f" -  {sentence}"
    return tables.table((), [["-", sentence]])


def _commands(steps: list[dict[str, str]], storage: str) -> Iterator[str]:
    """Yield commands with what they are for, as a comment of the shell: a line can be copied.

    Where the option for the database would break the lines, the shell is told it once before them.
    """
    typed, elsewhere = [step["command"] for step in steps], ""
    if storage and not _fits(typed, steps):
        elsewhere = f"  export STUDYHALL_STORAGE={storage.removeprefix(OPTION)}"
        typed = [command.removesuffix(storage) for command in typed]
    yield NEXT + elsewhere
    width = max(map(len, typed), default=0) if _fits(typed, steps) else 0
    for command, step in zip(typed, steps, strict=True):
        line = f" {command:{width}}  # {step['to']}"
        yield line if len(line) <= COLUMNS else f" {command}"


def _fits(typed: Sequence[str], steps: Sequence[Mapping[str, str]]) -> bool:
    """Return whether commands stand beside what they are for, each on one line."""
    longest = max(map(len, typed), default=0)
    purpose = max((len(step["to"]) for step in steps), default=0)
    return longest + purpose + len("   # ") <= COLUMNS
