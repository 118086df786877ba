"""The dashboard's page of a study: read back as the dashboard does."""

import json
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from studyhall.search.report import dashboard_note


@pytest.fixture
def study(studio):
    made = studio.study(space={"width": 4})
    studio.finish(made)
    return made


def shown(studio, study):
    """The study's note, and its figures by name."""
    loaded = optuna.load_study(study_name=study.name, storage=studio.db.optuna_storage())
    attributes = loaded._storage.get_study_system_attrs(loaded._study_id)
    return loaded, optuna_dashboard.get_note(loaded), get_plotly_graph_objects(attributes)


def test_the_summary_and_the_curves_are_there(studio, study):
    dashboard_note.pin(studio.db, study)
    _, note, figures = shown(studio, study)
    assert " is the best: validation loss " in note and "Its curves say " in note
    assert [*figures] == [dashboard_note.FIGURE]
    names = {trace["name"] for trace in json.loads(figures[dashboard_note.FIGURE])["data"]}
    assert {"train", "validation"} <= names


def test_again_it_takes_its_own_place_but_not_anybody_elses(studio, study):
    dashboard_note.pin(studio.db, study)
    dashboard_note.pin(studio.db, study)
    loaded, note, figures = shown(studio, study)
    assert len(figures) == 1
    optuna_dashboard.save_note(loaded, f"{note}\n\nAnn: I like it.")
    dashboard_note.pin(studio.db, study)
    assert shown(studio, study)[1].endswith("Ann: I like it.")


def test_a_study_without_a_result_has_a_note_alone(studio):
    study = studio.study()
    dashboard_note.pin(studio.db, study)
    _, note, figures = shown(studio, study)
    assert note.startswith("No trial has been completed yet.") and figures == {}


def test_the_dashboard_serves_both(studio, study):
    """By the dashboard's own interface, as its page asks for them."""
    dashboard_note.pin(studio.db, study)
    app = optuna_dashboard.wsgi(studio.db.optuna_storage())
    environ = {"PATH_INFO": f"/api/studies/{study.study_id}", "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    statuses = []
    answer = json.loads(b"".join(app(environ, lambda status, *_: statuses.append(status))))
    assert statuses == ["200 OK"] and "Is it worth training longer? " in answer["note"]["body"]
    assert [each["id"] for each in answer["plotly_graph_objects"]] == [dashboard_note.FIGURE]
