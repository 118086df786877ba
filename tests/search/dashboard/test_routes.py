"""Every way to write that optuna-dashboard has is listed, and nothing else is let through."""

import re

import optuna
import pytest
from optuna_dashboard import wsgi

from studyhall.search.dashboard import routes
from studyhall.search.dashboard.routes import ROUTES, SAFE
from studyhall.search.dashboard.users import Role


def written():
    """Method and path of every route of optuna-dashboard that is no GET."""
    found = wsgi(optuna.storages.InMemoryStorage()).routes
    return [(route.method, route.rule) for route in found if route.method not in SAFE]


def filled(rule):
    """A path of one of its rules."""
    numbers = re.sub(r"<(study_id|trial_id):int>", "7", rule)
    return re.sub(r"<\w+(:re:[^>]+)?>", "57d7a11e-0001-8000-8000-000000000001", numbers)


def test_optuna_dashboard_writes_in_twenty_ways():
    assert len(written()) == 20


@pytest.mark.parametrize(("method", "rule"), written())
def test_each_of_them_is_listed(method, rule):
    assert routes.find(method, filled(rule)) is not None
    assert routes.find(method, filled(rule) + "/") is not None  # it strips slashes, too


def test_nothing_is_listed_that_it_has_not():
    found = {(write.route.method, write.route.path) for write in map(find, written()) if write}
    assert found == {(route.method, route.path) for route in ROUTES}


def find(way):
    return routes.find(way[0], filled(way[1]))


def test_what_a_write_is_about():
    note = routes.find("PUT", "/api/studies/3/14/note")
    assert (note.route.what, note.study_id, note.trial_id) == ("note", 3, 14)
    assert routes.find("POST", "/api/trials/14/tell").trial_id == 14
    assert routes.find("DELETE", "/api/studies/3").route.role is Role.ADMIN


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/studies"),
        ("PATCH", "/api/studies/3"),
        ("DELETE", "/api/studies/3/../4"),
        ("DELETE", "//api/studies/3"),
        ("DELETE", "/api/studies/٣"),
        ("POST", "/dashboard"),
        ("POST", "/metrics"),
    ],
)
def test_anything_else_is_nothing(method, path):
    assert routes.find(method, path) is None


def test_editors_write_notes_attach_and_stop_and_only_admins_delete():
    ways = {role: {r.what for r in ROUTES if r.role is role} for role in Role}
    assert ways[Role.VIEWER] == set()
    assert ways[Role.EDITOR] == {"note", "attach", "stop"}
    assert {route.role for route in ROUTES if route.method == "DELETE"} == {Role.ADMIN}
