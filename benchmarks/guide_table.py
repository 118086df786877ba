"""docs/explanation/guide.md, from what `benchmarks/guide.py` has measured."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.guide_recipes import System

Result = Mapping[str, Any]

NOT_RUN = "not run here"
# Whose fixed trials a search is to beat.
SEARCHED = ("imdb-mlp", "imdb-mlp-keras-3", "imdb-mlp-same-films", "fashion-cnn")
HEAD = """\
# Published examples, reproduced

Every example of the tuning guides that studyhall automates is a study file in `recipes/` that runs
as it stands; hand-tuned variants are its
[fixed trials](../reference/study_file.md#fixed-trials). This page is written by
`benchmarks/guide.py`, which launches the recipes and keeps what it measured in
`docs/explanation/guide.json`.

A trial counts with the weights of its best epoch, by validation loss without penalties. A study
scores the test set for its winner alone; this benchmark does so for every fixed trial, afterwards,
to compare them. Accuracies are shares; "last" is the last epoch, "of" how many there were.
"""
READ = """\
## What was printed, and what came out

A ¹ marks runs that were shorter than the recipe, or on fewer data ([how](#how-it-was-run)): they
can't be compared with what was printed.
"""
REDUCED = ("in place of", " at most ")  # in the conditions of a run that is smaller than its recipe
ORDER = """\
## Larger networks overfit earlier

The five IMDB variants by their validation loss after the last epoch, the least first. The
document's order: L2, dropout, smaller, original and bigger; its L2 loss may contain the penalty,
this one does not. RMSprop's epsilon decides: Keras 2.2 added 1e-7 to the root of the mean square,
Keras 3 to the mean square itself, where it is large beside late gradients, and less is overfitted.
With 1e-14 there, the recipe takes steps as the document's Keras did. Over five seeds each it comes
to: L2 0.40 (0.37 to 0.46), smaller 0.52 (0.42 to 0.61), dropout 0.56 (0.53 to 0.60), original 0.81
(0.77 to 0.88); smaller and dropout lie within each other's noise.
"""
AGAINST = """\
## A search against the hand-tuned variants

Searched trials beside the documents' own in the same study, on the same data, chosen by validation
loss alone. Leads are differences on the whole test set: percentage points of accuracy, and loss. An
accuracy has a standard error of its own: 0.28 points on the 12,500 reviews of `imdb-mlp`, 0.20 on
the 25,000 of `imdb-mlp-same-films`, 0.32 on the 10,000 pictures of `fashion-cnn`.
"""
RUN = """\
## How it was run
"""


def page(systems: Sequence[System], found: Mapping[str, Result]) -> str:
    """The whole page; what has not been run says so."""
    parts = [HEAD, READ, _table(PRINTED, _printed(systems, found))]
    variants = [name for name in found if name.startswith("imdb-mlp")]
    if variants:
        parts += [
            ORDER,
            _table(LAST, [row for name in variants for row in _last(name, found[name])]),
        ]
    if searched := [name for name in SEARCHED if name in found and _searched(found[name])]:
        rows = [row for name in searched for row in _against(name, found[name])]
        parts += [AGAINST, _table(LEADS, rows)]
    return "\n".join([*parts, RUN, _table(CONDITIONS, _conditions(systems, found))])


PRINTED = (
    "recipe", "variant", "the document prints",
    "training accuracy, last", "test accuracy", "test loss", "best epoch of",
)  # fmt: skip
LAST = (
    "recipe", "variant", "validation loss, last", "validation loss, least", "at epoch",
    "validation accuracy, last", "parameters",
)  # fmt: skip
LEADS = ("recipe", "trial", "test accuracy", "test loss", "the search's lead")
CONDITIONS = ("recipe", "source", "trials", "conditions", "machine", "date")


def _printed(systems: Sequence[System], found: Mapping[str, Result]) -> Iterator[Sequence[str]]:
    for system in systems:
        result = found.get(system.name, {})
        fixed, mark = result.get("fixed", {}), " ¹" * _is_reduced(result)
        for name, printed in system.printed.items():
            row = [f"`{system.name}`{mark}", name, printed]
            yield row + (_measured(fixed[name]) if name in fixed else [NOT_RUN, "", "", ""])


def _is_reduced(result: Result) -> bool:
    return any(words in result.get("here", "") for words in REDUCED)


def _measured(trial: Result) -> list[str]:
    epochs = f"{trial['best_epoch']} of {trial['epochs']}"
    return [
        _number(trial["last_accuracy"]), _number(trial["test_accuracy"]),
        _number(trial["test_loss"]), epochs,
    ]  # fmt: skip


def _last(recipe: str, result: Result) -> Iterator[Sequence[str]]:
    for name, trial in sorted(result["fixed"].items(), key=lambda each: each[1]["last_val_loss"]):
        yield (
            f"`{recipe}`", name, _number(trial["last_val_loss"]), _number(trial["value"]),
            str(trial["best_epoch"]), _number(trial["last_val_accuracy"]),
            f"{trial['parameters']:,}",
        )  # fmt: skip


def _against(recipe: str, result: Result) -> Iterator[Sequence[str]]:
    winner = result["winner"]
    label = f"**the best of {_searched(result)} searched**, trial {winner['trial']}"
    scores = (_number(winner["test_accuracy"]), _number(winner["test_loss"]))
    yield f"`{recipe}`", label, *scores, ""
    for name, trial in result["fixed"].items():
        points = 100 * (winner["test_accuracy"] - trial["test_accuracy"])
        loss = winner["test_loss"] - trial["test_loss"]
        scores = (_number(trial["test_accuracy"]), _number(trial["test_loss"]))
        yield f"`{recipe}`", name, *scores, f"{points:+.2f} points, loss {loss:+.4f}"


def _searched(result: Result) -> int:
    return int(result["trials"]) - len(result["fixed"])


def _conditions(systems: Sequence[System], found: Mapping[str, Result]) -> Iterator[Sequence[str]]:
    for system in systems:
        result = found.get(system.name)
        if result is None:
            yield f"`{system.name}`", system.document, "", NOT_RUN, "", ""
            continue
        date = time.strftime("%Y-%m-%d", time.gmtime(result["ran_at"]))
        trials, machine = str(result["trials"]), result["machine"]
        yield f"`{system.name}`", system.document, trials, result["here"], machine, date


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
