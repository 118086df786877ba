"""The report as one HTML file: the variables of its template."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from studyhall.search.diagnosis import tendencies
from studyhall.search.display import score_tables, words
from studyhall.search.evaluation import baseline_text, outcome, outcome_text, pareto
from studyhall.search.report import elements, markdown, retrainings, summary
from studyhall.search.report.figures import Figure

MOST_TRIALS = 500  # rows in the table of trials, the best first; the JSON has all
MOST_CLASSES = 40  # with more classes no confusion matrix is drawn
Figures = Mapping[str, Figure | None]


def page(content: Mapping[str, Any], figures: Figures) -> str:
    """Return the HTML file.

    Args:
        content: the content of the report.
        figures: the figures, by the names of their elements; None for one with nothing to show.
    """
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    return elements.page(
        "report.html",
        f"{content['study']}: report",
        drawn,
        content=content,
        sections=dict(_sections(content, drawn)),
        slices=[name for name in drawn if name.startswith("slice-")],
        **_told(content, drawn),
    )


def _sections(
    content: Mapping[str, Any], figures: Mapping[str, Figure]
) -> Iterator[tuple[str, str]]:
    """Yield the key and title of each section that has something to show."""
    best = content["best"] or {}
    if best:
        yield "outcome", "Outcome"
    yield "summary", "The search"
    if "over_trials" in figures:
        yield "history", "Progress of the search"
    if content["status"]["pareto"]:
        yield "pareto", "Pareto front"
    if "loss" in figures:
        yield "curves", "Learning curves of the best trial"
    if best.get("confirmation") is not None:
        yield "confirmation", "Confirmation"
    if content["longer"] is not None:
        yield "more", "More data, or longer?"
    yield "hyperparameters", "Hyperparameters"
    yield "verdicts", "Verdicts"
    if best.get("test"):
        yield "test", "Test set"
    if best.get("baselines"):
        yield "baselines", "Baselines"
    yield "time", "Time"
    yield "again", "Reproduction"


def _told(content: Mapping[str, Any], figures: Figures) -> dict[str, Any]:
    """Return further variables of the template; None for a missing section."""
    state, best = content["status"], content["best"] or {}
    head, listed = markdown.trials(content["trials"], MOST_TRIALS, state["directions"][0])
    return {
        "written_at": time.strftime("%Y-%m-%d %H:%M", time.localtime(content["written_at"])),
        "outcome": None if not best else _outcome(best, state["objective"]),
        "facts": _facts(content),
        "summary": summary.beyond_facts(content) if best else content["summary"],
        "front": summary.of_front(state["pareto"] or ()),
        "pareto": pareto.rows(state["pareto"]) if state["pareto"] else None,
        "verdict": _verdict(best.get("verdict")),
        "confirmation": retrainings.confirmation_told(best.get("confirmation")),
        "more": retrainings.more_told(content["longer"], content["data_curve"]),
        "hyperparameters": _without(markdown.hyperparameters(content), "importance", figures),
        "best": _marked(state["complete"]),
        "trials": (head, listed),
        "trials_left_out": len(content["trials"]) - len(listed),
        "test": _test(best.get("test")),
        "baselines": _baselines(best.get("baselines"), state["objective"]),
        "mistake": _mistake,
        "time_spent": markdown.time_spent(content),
        "reproduce": markdown.reproduce(content["reproduce"]),
    }


def _without(
    table: tuple[list[str], list[list[str]]], column: str, figures: Figures
) -> tuple[list[str], list[list[str]]]:
    """Leave a column out of a table if a figure of that name shows the same."""
    head, body = table
    if column not in figures or column not in head:
        return table
    kept = [place for place, name in enumerate(head) if name != column]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in body]


def _outcome(best: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """Return the answers to the three questions, the first screen of the page."""
    told = best["outcome"]
    return {
        "questions": outcome_text.QUESTIONS,
        "trial": f"Trial {words.called(best['trial'], best['name'])}",
        "value": f"{objective} {words.number(best['value'])}",
        "reached": words.reached(best["best_epoch"], best["epochs"], best["best_epochs"]),
        "scores": _unbroken(*outcome.rows(told)),
        "baselines": [*map(summary.sentence, told["baselines"])],
        "trust": [_with_units(summary.sentence(each)) for each in told["trust"]],
        "next": told["next"],
        "model": told["model"],
        "hyperparameters": [
            (name, words.value(value)) for name, value in told["hyperparameters"].items()
        ],
    }


def _with_units(text: str) -> str:
    """Return a text in which no line begins with a percent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _unbroken(head: list[str], body: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return a table whose cells break before their intervals, and within these, nowhere else."""
    first, *rows = ([_kept(cell) for cell in row] for row in (head, *body))
    return first, rows


def _kept(cell: str) -> str:
    parts = (part.replace(" ", "\N{NO-BREAK SPACE}") for part in cell.split(" ("))
    return " (".join(parts).replace("…\N{NO-BREAK SPACE}", "… ")


def _facts(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    state = content["status"]
    facts = [("trials finished", f"{state['finished']} of {state['trials']}")]
    facts += [(name, str(state[name])) for name in ("complete", "pruned", "failed")]
    return [*facts, ("device time", words.duration(content["lost"]["all_s"]))]


def _verdict(found: Mapping[str, Any] | None) -> list[str]:
    if not found:
        return []
    said = f"{found['name']} (confidence {found['confidence']:g}): {found['shows']}"
    return [said, f"Advice: {'; '.join(found['advice'])}"]


def _marked(complete: int) -> str:
    marked = tendencies.marked_count(complete)
    return "the best" if marked == 1 else f"the best {marked} of {complete}"


def _test(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    times = "once," if found["times"] == 1 else f"{found['times']} times, the last time"
    return {
        "used": f"The test set was used {times} by {found['who']}.",
        "scores": score_tables.rows(found["scores"]),
        "reliability": score_tables.reliability_rows(found["scores"]),
    }


def _baselines(told: Mapping[str, Any] | None, objective: str) -> dict[str, Any] | None:
    if not told:
        return None
    return {"said": told["summary"], "rows": baseline_text.rows(told, objective)}


def _mistake(sample: Mapping[str, Any]) -> str:
    sure = sample["probability"]
    how = "" if sure is None else f" ({summary.percent(sure)} sure)"
    where = f"sample {sample['sample']}"
    return f"{where}: {sample['true']}, predicted as {sample['predicted']}{how}"
