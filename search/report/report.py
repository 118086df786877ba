"""The report of a study in the requested format."""

from __future__ import annotations

import json
from typing import Any

from studyhall.search.diagnosis import findings
from studyhall.search.diagnosis.findings import Findings
from studyhall.search.display import curves
from studyhall.search.report import content as contents
from studyhall.search.report import figures, html, markdown, optuna_figures, retrainings
from studyhall.search.report.content import Content
from studyhall.search.report.figures import Figure
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study

FORMATS = {"html": ".html", "md": ".md", "json": ".json"}


def report(db: Database, study: Study, form: str) -> str:
    """Return the report as text.

    Args:
        form: the format: html, md or json.
    """
    found = findings.read(db, study)
    content = contents.gather(db, found)
    if form == "json":
        return json.dumps(content, indent=2) + "\n"
    if form == "md":
        return markdown.text(content)
    return html.page(content, drawn(db, found, content))


def drawn(db: Database, found: Findings, content: Content) -> html.Figures:
    """Return every figure by the name of its element; None for one with nothing to show."""
    leading = contents.leading(found, contents.winner(content))[: figures.BEST]
    histories = contents.histories(db, leading)
    incumbent = histories[0] if histories else []
    metric = next(iter(curves.drawn(incumbent, found.status.objective)[1:]), None)
    scores: dict[str, Any] | None = ((content["best"] or {}).get("test") or {}).get("scores")
    many = scores is not None and len(scores.get("classes", [])) > html.MOST_CLASSES
    shown = optuna_figures.literal(found.optuna)
    return {
        "over_trials": optuna_figures.over_trials(shown),
        "over_time": figures.over_time(found),
        "loss": figures.learning_curves(incumbent, histories),
        "metric": figures.learning_curves(incumbent, histories, metric) if metric else None,
        "importance": optuna_figures.importance(shown),
        **{f"slice-{name}": each for name, each in optuna_figures.slices(shown).items()},
        "parallel": optuna_figures.parallel(shown),
        "pareto": pareto(db, found),
        **retrainings.figures(content),
        "verdicts": figures.bars(content["verdicts"], "trials"),
        "confusion": None if many else figures.confusion(scores),
        "time": figures.bars(content["status"]["seconds"], "seconds"),
    }


def pareto(db: Database, found: Findings) -> Figure | None:
    """Plot the Pareto front; return None for one objective or more than three."""
    count = len(found.study.directions)
    if count == 1:
        return None
    shown = optuna_figures.literal(findings.in_memory(db, found.study, count))
    return optuna_figures.pareto(shown)
