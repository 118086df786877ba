"""A report as one HTML file: its sections, in their order."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.diagnosis import tendencies
from studyhall.search.display import score_tables, words
from studyhall.search.evaluation import pareto
from studyhall.search.report import markdown, retrainings, summary
from studyhall.search.report.elements import document, paragraphs, plot, table
from studyhall.search.report.figures import Figure

MOST_TRIALS = 500  # rows of the table of verdicts, the best first; the JSON has all
MOST_CLASSES = 40  # for which a confusion matrix is drawn
Figures = Mapping[str, Figure | None]


def page(content: Mapping[str, Any], figures: Figures) -> str:
    """The whole file.

    Args:
        content: of the report.
        figures: by the name of the place where each belongs; None where there is none.
    """
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    sections = [*_sections(content, drawn)]
    links = "".join(f'<a href="#{key}">{html.escape(title)}</a>' for key, title, _ in sections)
    return document(
        f"{content['study']}: report",
        f"<h1>{html.escape(content['study'])}</h1>{_written(content)}<nav>{links}</nav>",
        "".join(
            f'<section id="{key}"><h2>{html.escape(title)}</h2>{body}</section>'
            for key, title, body in sections
        ),
        drawn,
    )


Section = tuple[str, str, str]  # its key, its title, its body


def _sections(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> Iterator[Section]:
    yield "summary", "Summary", _summary(content)
    if "over_trials" in figures:
        yield "history", "How the best was found", _history(figures)
    if content["status"]["pareto"]:
        yield "pareto", "Pareto front", _pareto(content, figures)
    if "loss" in figures:
        yield "curves", "Learning curves of the best", _curves(content, figures)
    yield from retrainings.sections(content, figures)
    yield "hyperparameters", "Hyperparameters", _hyperparameters(content, figures)
    yield "verdicts", "Verdicts", _verdicts(content, figures)
    if content["best"] and content["best"]["test"]:
        yield "test", "Test set", _test(content, figures)
    yield "time", "Time", _time(content, figures)
    yield "again", "To do it again", _again(content)


def _written(content: Mapping[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(content["written_at"]))
    return f'<p class="sub">Report of a hyperparameter search by studyhall, {at}</p>'


def _summary(content: Mapping[str, Any]) -> str:
    best, state = content["best"], content["status"]
    facts = [("trials ended", f"{state['finished']} of {state['trials']}")]
    if best:
        facts.insert(0, (f"best {state['objective']}", words.number(best["value"])))
        facts.insert(1, ("by trial", words.called(best["trial"], best["name"])))
        if best["test"]:
            facts.insert(2, _tested(best["test"]["scores"]))
    facts.append(("device time", words.duration(content["lost"]["all_s"])))
    cards = "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for name, value in facts
    )
    return f'<div class="facts">{cards}</div>{paragraphs(content["summary"])}'


def _tested(scores: dict[str, Any]) -> tuple[str, str]:
    if "accuracy" in scores:
        return "accuracy on the test set", summary.percent(scores["accuracy"], 1)
    if "rmse" in scores:
        return "RMSE on the test set", f"{scores['rmse']:.4g}"
    name, value = score_tables.rows(scores)[1][0]
    return f"{name} on the test set", value


def _history(figures: Mapping[str, Figure]) -> str:
    return (
        '<div class="pair">'
        + plot("over_trials", figures, "by trial")
        + plot("over_time", figures, "by time")
        + "</div>"
    )


def _pareto(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    """No trial is better than these in every objective."""
    said = paragraphs([summary.of_front(content["status"]["pareto"])])
    return said + plot("pareto", figures) + table(*pareto.rows(content["status"]["pareto"]))


def _curves(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    verdict = content["best"]["verdict"]
    said = ""
    if verdict:
        advice = "; ".join(verdict["advice"])
        lines = [f"{verdict['name']} (confidence {verdict['confidence']:g}): {verdict['shows']}"]
        said = f'<div class="verdict">{paragraphs([*lines, f"To do: {advice}"])}</div>'
    metric = plot("metric", figures)
    return f'{said}<div class="pair">{plot("loss", figures)}{metric}</div>'


def _hyperparameters(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    count = len(content["hyperparameters"])
    complete = content["status"]["complete"]
    marked = tendencies.marked_count(complete)
    best = "the best" if marked == 1 else f"the best {marked} of {complete}"
    return (
        table(*markdown.hyperparameters(content))
        + plot("importance", figures, "importance (PED-ANOVA)")
        + _slices(figures)
        + plot(
            "parallel",
            figures,
            f"each trial as a line, {best} in colour",
            width=120 * (count + 1),
        )
    )


def _slices(figures: Mapping[str, Figure]) -> str:
    places = "".join(plot(name, figures) for name in figures if name.startswith("slice-"))
    if not places:
        return ""
    said = "the value against each, from early trials (grey) to late ones"
    return f'<h3>{said}</h3><div class="small">{places}</div>'


def _verdicts(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    direction = content["status"]["directions"][0]
    head, body = markdown.trials(content["trials"], MOST_TRIALS, direction)
    more = len(content["trials"]) - len(body)
    note = f'<p class="note">and {more} more</p>' if more else ""
    return plot("verdicts", figures) + table(head, body) + note


def _test(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    test = content["best"]["test"]
    times = "once," if test["times"] == 1 else f"{test['times']} times, the last time"
    caption = "confusion matrix: true classes down, predicted across"
    scored = f"The test set was used {times} by {test['who']}."
    parts = [
        f'<p class="note">{html.escape(scored)}</p>',
        table(*score_tables.rows(test["scores"])),
        f'<div class="square">{plot("confusion", figures, caption)}</div>',
    ]
    head, body = score_tables.reliability_rows(test["scores"])
    if body:
        said = "How sure it was, and how often it was right (reliability):"
        parts.append(f'<p class="note">{said}</p>{table(head, body)}')
    return "".join(parts) + _worst(content["worst"])


def _worst(samples: Sequence[Mapping[str, Any]]) -> str:
    """The samples of the test set that the best model is most wrong about."""
    if not samples:
        return ""
    shown = "".join(
        "<figure>"
        + (f'<img alt="" src="data:image/png;base64,{each["picture"]}">' if each["picture"] else "")
        + f"<figcaption>{html.escape(_mistake(each))}</figcaption></figure>"
        for each in samples
    )
    return f'<h3>What it gets most wrong</h3><div class="samples">{shown}</div>'


def _mistake(sample: Mapping[str, Any]) -> str:
    sure = sample["probability"]
    how = "" if sure is None else f" ({summary.percent(sure)} sure)"
    where = f"sample {sample['sample']}"
    return f"{where}: {sample['true']}, taken for {sample['predicted']}{how}"


def _time(content: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    return plot("time", figures, "seconds of the trials' time") + table(
        *markdown.time_spent(content)
    )


def _again(content: Mapping[str, Any]) -> str:
    known = content["reproduce"]
    return f"{table(*markdown.reproduce(known))}<pre>{html.escape(known['study_file'])}</pre>"
