"""Notices about a study: what is worth one, queued once, signed, delivered once."""

import contextlib
import http.server
import json
import os
import re
import socket
import sys
import threading
import time

import pytest

from studyhall.search.display import live
from studyhall.search.launcher import watch
from studyhall.search.notices import following, webhook
from studyhall.search.notices.following import Follower
from studyhall.search.notices.webhook import Webhook
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.studies import notices, studies, trash
from tests import pages
from tests.plain_store import plain_store

SECRET = "between us"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what comes; refuses as often as it is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.server.refuse > 0
        self.server.refuse -= refused
        if not refused:
            self.server.received.append((dict(self.headers), body))
        self.send_response(500 if refused else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    """A server that takes notices."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received, server.refuse = [], 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hook(receiver):
    return Webhook(f"http://127.0.0.1:{receiver.server_address[1]}/in", SECRET)


@pytest.fixture
def study(db):
    return studies.create(db, "digits", config={}, seed=0, trials=5)[0]


@pytest.fixture
def store(db, study):
    made = plain_store(db, study, Worker("one", "here", 1, "cpu"))
    yield made
    made.close()


def run_trial(store, value=None):
    claim = store.claim()
    if value is None:
        store.tell(claim, "FAIL", None, attributes={"reason": "NaN"})
    else:
        store.report(claim, 1, value, {"val_loss": value})
        store.tell(claim, "COMPLETE", value)


def said(receiver):
    return [json.loads(body) for _, body in receiver.received]


# What is worth a notice


def test_a_study_from_its_first_best_trial_to_its_end(db, study, store, hook, receiver):
    follower = Follower(db, study, hook)
    for value in (0.5, 0.7, 0.4, None, 0.6):
        run_trial(store, value)
        for _ in range(2):
            follower.look()
        follower.deliver()
    events = [(each["event"], each["id"]) for each in said(receiver)]
    assert events == [
        ("incumbent", "incumbent:0"),
        ("incumbent", "incumbent:2"),
        ("finished", "finished:5"),
    ]
    last = said(receiver)[-1]
    assert (last["study"], last["finished"], last["of"], last["value"]) == ("digits", 5, 5, 0.4)


def test_trials_that_fail_in_a_row_are_told_once(db, study, store, hook, receiver):
    follower = Follower(db, study, hook)
    follower.look()
    for _ in range(4):
        run_trial(store)
        follower.look()
    follower.deliver()
    (failing,) = said(receiver)
    assert (failing["event"], failing["reasons"]) == ("failing", ["NaN"] * 3)


def test_a_study_that_nobody_works_on_stalls(db, study, store, hook, receiver):
    follower = Follower(db, study, hook)
    store.claim()
    store._holding.heartbeat._beat()
    follower.look()
    db.transaction(lambda t: t.run("UPDATE studyhall_workers SET seen_at = seen_at - 1000"))
    follower.look()
    follower.deliver()
    assert receiver.received == []  # the lease was heard of
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET heard_at = heard_at - 1000"))
    for _ in range(2):
        follower.look()
    follower.deliver()
    assert [each["event"] for each in said(receiver)] == ["stalled"]


# Delivery


def test_a_notice_is_signed_as_the_documentation_says(db, study, hook, receiver):
    notices.add(db, study, "incumbent:1", {"event": "incumbent"})
    Follower(db, study, hook).deliver()
    ((headers, body),) = receiver.received
    text = pages.text("notices.md")
    told: dict = {}
    exec(re.search(r"^```python\n(.*?)^```$", text, re.M | re.S)[1], told)
    assert told["is_genuine"](SECRET, headers, body)
    assert not told["is_genuine"](SECRET, headers, body + b" ")
    assert not told["is_genuine"]("another", headers, body)
    assert headers["X-Studyhall-Delivery"] == "incumbent:1"
    stamp = str(int(time.time()) - 400)
    signed = f"sha256={webhook.signature(SECRET, stamp, body)}"
    old = {**headers, "X-Studyhall-Timestamp": stamp, "X-Studyhall-Signature": signed}
    assert not told["is_genuine"](SECRET, old, body), "it may be somebody's copy"
    assert told["is_genuine"](SECRET, old, body, longest_s=500)


def test_what_is_refused_is_sent_again_later(db, study, hook, receiver):
    notices.add(db, study, "finished:5", {"event": "finished"})
    follower = Follower(db, study, hook)
    for refused in (2, 1):
        receiver.refuse = 1
        follower.deliver()
        follower.deliver()  # not due yet
        assert receiver.received == [] and receiver.refuse == 0, refused
        _forward(db, study)
    follower.deliver()
    _forward(db, study)
    follower.deliver()
    assert len(receiver.received) == 1


class Drip:
    """The answer of a receiver, piece by piece, for as long as anybody listens."""

    def __init__(self, *pieces):
        self.pieces, self.asked = pieces, 0

    def __iter__(self):
        yield from self.pieces
        while self.pieces[-1]:
            yield self.pieces[-1]


STRANGE = {
    "nothing": Drip(b""),
    "garbage": Drip(b"\x16\x03\x01 what?\r\n\r\n", b""),
    "a status that is none": Drip(b"HTTP/1.1 abc\r\n\r\n", b""),
    "endless headers": Drip(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "an endless line": Drip(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
    "a drip before the status": Drip(b"H"),
    "interim answers without end": Drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.fixture
def strange():
    """Starts servers that answer strangely."""
    with contextlib.ExitStack() as opened:

        def start(answer):
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        for piece in answer:
                            connection.sendall(piece)
                            time.sleep(0.01)

            threading.Thread(target=serve, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield start


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
def test_a_strange_answer_is_none_and_ends_in_time(strange, answer):
    began = time.monotonic()
    hook = Webhook(strange(answer), timeout_s=0.5)
    assert hook.send(notices.Notice("finished:5", {}, 0.0)) is False
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(strange, receiver, code):
    there = f"http://127.0.0.1:{receiver.server_address[1]}/in"
    answer = f"HTTP/1.1 {code} There\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"
    hook = Webhook(strange(Drip(answer.encode(), b"")), SECRET)
    assert hook.send(notices.Notice("finished:5", {}, 0.0)) is False
    assert receiver.received == []


def test_a_receiver_that_is_gone_is_given_up_in_the_end(db, study):
    notices.add(db, study, "finished:5", {"event": "finished"})
    follower = Follower(db, study, Webhook("http://127.0.0.1:9/"))
    for _ in range(notices.MOST_TRIES):
        follower.deliver()
        _forward(db, study)
    assert notices.take(db, study) is None
    assert studies.facts(db, study)["notice:finished:5"]["state"] == "given up"


def _forward(db, study):
    """Let every notice be due."""
    for text in notices._waiting(db, study)[1]:
        notice = notices.Notice(**{**json.loads(text), "next_at": 0.0})
        notices._swap(db, study, text, notice)


def test_many_senders_deliver_each_notice_once(db, study, hook, receiver):
    for number in range(12):
        notices.add(db, study, f"incumbent:{number}", {"event": "incumbent"})
    connections = [db.another() for _ in range(4)]
    senders = [threading.Thread(target=Follower(own, study, hook).deliver) for own in connections]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for own in connections:
        own.close()
    assert sorted(each["id"] for each in said(receiver)) == sorted(
        f"incumbent:{number}" for number in range(12)
    )


def test_what_a_dead_sender_has_taken_is_sent_by_another(db, study, hook, receiver):
    notices.add(db, study, "finished:5", {"event": "finished"})
    taken = notices.take(db, study)
    assert notices.take(db, study) is None
    _forward(db, study)
    Follower(db, study, hook).deliver()
    assert len(receiver.received) == 1
    notices.settle(db, study, taken, delivered=False)  # too late: it changes nothing
    assert studies.facts(db, study)["notice:finished:5"]["state"] == "delivered"


def test_following_sends_what_happened_before_the_end(
    db, study, store, receiver, hook, monkeypatch
):
    monkeypatch.setenv("STUDYHALL_WEBHOOK", hook.url)
    monkeypatch.setenv("STUDYHALL_WEBHOOK_SECRET", SECRET)
    with following.following(db, study):
        run_trial(store, 0.5)
    assert [each["id"] for each in said(receiver)] == ["incumbent:0"]


# The environment


def test_no_webhook_unless_one_is_named(tmp_path):
    assert webhook.chosen({}) is None
    (tmp_path / "secret").write_text("from a file\n")
    named = {"STUDYHALL_WEBHOOK": "https://example.org/x"}
    assert webhook.chosen(named) == Webhook("https://example.org/x", "")
    file = {**named, "STUDYHALL_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
    assert webhook.chosen(file).secret == "from a file"


@pytest.mark.parametrize(
    "environment",
    [
        {"STUDYHALL_WEBHOOK": "file:///etc/passwd?token=hush"},
        {"STUDYHALL_WEBHOOK": "http://x", "STUDYHALL_WEBHOOK_SECRET_FILE": "/no/such/file"},
        {"STUDYHALL_WEBHOOK": "http://x", "STUDYHALL_WEBHOOK_SECRET_FILE": os.devnull},
        {"STUDYHALL_WEBHOOK": "http://x", "STUDYHALL_WEBHOOK_SECRET_FILE": sys.executable},
    ],
)
def test_mistakes_are_told_without_secrets(environment):
    with pytest.raises(ConfigError, match="STUDYHALL_WEBHOOK") as refused:
        webhook.chosen(environment)
    assert "hush" not in str(refused.value)


# watch


def test_watching_ends_with_the_study(studio, capsys):
    study = studio.study()
    studio.finish(study)
    from studyhall.search.display.terminal import out

    assert watch.watch(studio.db, study, live.view(out, "iris", quiet=False))


def test_watching_a_study_that_is_deleted(tmp_path):
    from studyhall.search.display.terminal import out

    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")
    study, _ = studies.create(db, "digits", config={"artifacts": str(tmp_path)}, seed=0, trials=1)
    trash.put(db, study.study_id, "ann")
    (deleted,) = trash.contents(db)
    trash.purge(db, deleted)
    assert not watch.watch(db, study, live.view(out, "digits", quiet=False))
    db.close()
