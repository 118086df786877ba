"""The note and figure on a study's page in the dashboard: its summary and learning curves."""

from __future__ import annotations

import hashlib

import optuna
from optuna_dashboard import get_note, save_note, save_plotly_graph_object

from studyhall.search.diagnosis import findings
from studyhall.search.display.markdown_text import plain
from studyhall.search.report import content as contents
from studyhall.search.report import figures
from studyhall.storage.database import Database
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

FIGURE = "learning-curves"  # always the same id, so that a new figure replaces the old one
FACT = "note"  # the fact of a study that stores the hash of our note


def pin(db: Database, study: Study) -> None:
    """Write note and figure; keep a note that somebody has written or edited."""
    found = findings.read(db, study)
    content = contents.gather(db, found)
    shown = optuna.load_study(study_name=study.name, storage=db.optuna_storage())
    _note(db, study, shown, "\n\n".join(map(plain, content["summary"])))
    leading = contents.leading(found, contents.winner(content))[: figures.BEST]
    flat = contents.histories(db, leading)
    figure = figures.learning_curves(flat[0], flat) if flat else None
    if figure is not None:
        where = f" in {found.status.objective}" if len(study.directions) > 1 else ""
        title = f"Loss of trial {leading[0].number}, the best{where}"
        figures.on_any_background(figure)
        figure.update_layout(title=figures.literal(title), margin={"t": 80})
        save_plotly_graph_object(shown, figure, graph_object_id=FIGURE)


def _note(db: Database, study: Study, shown: optuna.Study, body: str) -> None:
    known = get_note(shown)
    ours = studies.facts(db, study).get(FACT)
    if known and ours != _mark(known):
        return
    save_note(shown, body)
    studies.set_fact(db, study, FACT, _mark(body))


def _mark(text: str) -> str:
    """Return a hash by which our own note is recognized while nobody has edited it."""
    return hashlib.sha256(text.encode()).hexdigest()
