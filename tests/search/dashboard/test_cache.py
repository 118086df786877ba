"""Answers about a study are kept until it changes, and never longer."""

import gzip
import json
import threading

import pytest
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Response

from studyhall.search.dashboard.cache import SHORTEST, Cache
from studyhall.storage.studies import studies


class App:
    """Answers with the study's limit, and counts how often it was asked."""

    def __init__(self, db, size=10):
        self.db, self.size, self.asked = db, size, 0

    def __call__(self, environ, start_response):
        self.asked += 1
        row = self.db.snapshot(lambda t: t.row("SELECT count(*) FROM study_user_attributes"))
        said = json.dumps({"count": row[0], "filling": "x" * self.size}).encode()
        status = 404 if environ["PATH_INFO"].endswith("/none") else 200
        return Response(said, status, mimetype="application/json")(environ, start_response)


@pytest.fixture
def study(db):
    return studies.create(db, "digits", config={}, seed=0, trials=4)[0]


@pytest.fixture
def app(db):
    return App(db)


@pytest.fixture
def client(app, db):
    return Client(Cache(app, db))


def test_what_has_not_changed_is_not_asked_again(client, app, study):
    for path in ("", "?after=0", "/param_importances"):
        first, second = (client.get(f"/api/studies/{study.study_id}{path}") for _ in range(2))
        assert first.data == second.data and second.content_type == "application/json"
    assert app.asked == 3


def test_a_change_is_seen_at_once(client, db, study):
    storage = db.optuna_storage()
    for count in range(3):
        assert client.get(f"/api/studies/{study.study_id}").json["count"] == count
        storage.set_study_user_attr(study.study_id, str(count), 1)
    storage.engine.dispose()


@pytest.mark.parametrize("path", ["/api/studies", "/dashboard", "/api/studies/77", "/metrics"])
def test_what_is_no_study_of_ours_is_not_kept(client, app, study, path):
    for _ in range(2):
        client.get(path)
    assert app.asked == 2


def test_neither_are_refusals_nor_anything_but_get(client, app, study):
    for _ in range(2):
        assert client.get(f"/api/studies/{study.study_id}/none").status_code == 404
        client.head(f"/api/studies/{study.study_id}")
    assert app.asked == 4


def test_a_long_answer_is_packed_for_whoever_takes_it_so(db, study):
    client = Client(Cache(App(db, size=10 * SHORTEST), db))
    path = f"/api/studies/{study.study_id}"
    packed = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    plain = client.get(path)
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) == len(packed.data) < SHORTEST
    assert gzip.decompress(packed.data) == plain.data


def test_many_who_ask_at_once_get_one_answer(db, study, app):
    cache = Cache(app, db)
    environ = EnvironBuilder(f"/api/studies/{study.study_id}")
    asking = [
        threading.Thread(target=lambda: cache(environ.get_environ(), lambda *_: None))
        for _ in range(6)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert app.asked == 1


def test_what_a_browser_asks_for_first_can_be_prepared(db, study, app):
    cache = Cache(app, db)
    cache.warm([study.study_id])
    found = Client(cache).get(
        f"/api/studies/{study.study_id}?after=0", headers={"Accept-Encoding": "gzip, deflate"}
    )
    assert found.status_code == 200 and app.asked == 1
