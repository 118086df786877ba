"""The sender of a request, known by password or by token."""

import threading
import time

import pytest
from werkzeug.datastructures import Authorization
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests, Unauthorized
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from studyhall.search.dashboard import login, users
from studyhall.search.dashboard.login import FREE, Login, Tries, Visitor
from studyhall.search.dashboard.users import Role
from studyhall.search.study_file.config_error import ConfigError

PASSWORD = "correct horse: battery"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A users file with ann, who has a password, and ci, which has a token; and the token."""
    path = tmp_path_factory.mktemp("users") / "users.json"
    users.add(path, "ann", Role.EDITOR, PASSWORD)
    token, _ = users.add_token(path, "ci", Role.VIEWER)
    return path, token


def request(kind="basic", address="192.0.2.1", **given):
    if kind == "bearer":
        auth = Authorization("bearer", token=given["token"])
    else:
        auth = Authorization("basic", given)
    return Request(EnvironBuilder(auth=auth, environ_base={"REMOTE_ADDR": address}).get_environ())


def test_a_password_and_a_token(people):
    path, token = people
    door = Login(path)
    assert door.visitor(request(username="ann", password=PASSWORD)) == Visitor("ann", Role.EDITOR)
    assert door.visitor(request("bearer", token=token)) == Visitor("ci", Role.VIEWER)


@pytest.mark.parametrize(
    "given",
    [
        {"username": "ann", "password": "wrong"},
        {"username": "ann", "password": ""},
        {"username": "bob", "password": PASSWORD},
        {"username": "ci", "password": ""},
        {"username": "", "password": ""},
        {"kind": "bearer", "token": ""},
        {"kind": "bearer", "token": "x" * 43},
    ],
)
def test_anything_else_is_nobody(people, given):
    with pytest.raises(Unauthorized) as refused:
        Login(people[0]).visitor(request(**given))
    asked = [value for name, value in refused.value.get_headers() if name == "WWW-Authenticate"]
    assert [each.split()[0] for each in asked] == ["Basic", "Bearer"]


def test_without_a_login_one_is_asked_for(people):
    with pytest.raises(Unauthorized, match="log in"):
        Login(people[0]).visitor(Request(EnvironBuilder().get_environ()))


def refused(door, **given):
    """Ask with a login that is refused; whether it was for too many tries."""
    with pytest.raises((Unauthorized, TooManyRequests)) as found:
        door.visitor(request(**given))
    return found.type is TooManyRequests


def guess(door, name="ann", address="192.0.2.1", password="wrong"):
    return refused(door, username=name, password=password, address=address)


def test_too_many_wrong_tries_make_even_the_right_one_wait(people):
    door = Login(people[0])
    assert [guess(door) for _ in range(FREE + 1)] == [False] * (FREE + 1)
    with pytest.raises(TooManyRequests) as found:
        door.visitor(request(username="ann", password=PASSWORD))
    assert dict(found.value.get_headers())["Retry-After"] == "1"
    elsewhere = request(username="ann", password=PASSWORD, address="192.0.2.2")
    assert door.visitor(elsewhere).name == "ann"


@pytest.fixture
def quick(monkeypatch):
    """Checks of passwords that take no time."""
    monkeypatch.setattr(login, "check_password_hash", lambda _, given: given == PASSWORD)


def test_many_names_from_one_address_and_many_addresses_for_one_name(people, quick):
    door = Login(people[0])
    tried = [guess(door, f"name{number}") for number in range(login.FREE_OF_ADDRESS + 2)]
    assert tried == [False] * (login.FREE_OF_ADDRESS + 1) + [True]
    assert not guess(door, address="192.0.2.2"), "others are not locked out"
    door = Login(people[0])
    tried = [guess(door, address=f"10.0.0.{each}") for each in range(login.FREE_OF_NAME + 2)]
    assert tried == [False] * (login.FREE_OF_NAME + 1) + [True]


def test_whoever_was_right_before_is_not_locked_out(people, quick):
    door = Login(people[0])
    ann = request(username="ann", password=PASSWORD)
    door.visitor(ann)
    for number in range(login.FREE_OF_NAME + 5):
        guess(door, address=f"10.0.0.{number}")
        guess(door, f"name{number}")
    assert guess(door) and door.visitor(ann).name == "ann"


def test_tokens_have_a_counter_of_their_own(people, quick):
    door = Login(people[0])
    for _ in range(login.FREE_OF_ADDRESS + 5):
        last = refused(door, kind="bearer", token="x" * 43)
    assert last
    assert door.visitor(request(username="ann", password=PASSWORD)).name == "ann"


def test_a_trusted_proxy_names_the_client_and_nobody_else_does(people, quick):
    def behind(proxy, client, name="ann"):
        asked = request(username=name, password="wrong", address=proxy)
        asked.environ["HTTP_X_FORWARDED_FOR"] = f"203.0.113.9, {client}"
        return Request(asked.environ)

    door = Login(people[0], ["192.0.2.1"])
    assert door.address(behind("192.0.2.1", "10.0.0.7")) == "10.0.0.7"
    assert door.address(behind("192.0.2.8", "10.0.0.7")) == "192.0.2.8"
    assert door.address(request(username="ann", password="wrong")) == "192.0.2.1"
    for number in range(login.FREE_OF_ADDRESS + 5):
        with pytest.raises((Unauthorized, TooManyRequests)):
            door.visitor(behind("192.0.2.1", "10.0.0.7", f"name{number}"))
    with pytest.raises(Unauthorized):
        door.visitor(behind("192.0.2.1", "10.0.0.8"))


def test_few_slow_checks_at_a_time(people, monkeypatch):
    at_once, most, lock = [0], [0], threading.Lock()

    def check(*_):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        with lock:
            at_once[0] -= 1
        return False

    monkeypatch.setattr(login, "check_password_hash", check)
    monkeypatch.setattr(login, "HASH_WAIT_S", 0.12)
    door, found = Login(people[0]), []
    threads = [
        threading.Thread(target=lambda n=n: found.append(guess(door, address=f"10.0.1.{n}")))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == login.HASHES and len(found) == 20
    assert any(found), "who has waited too long is told to come again"


def test_the_slow_check_is_made_once_and_no_password_is_kept(people, monkeypatch):
    checked = []
    check = login.check_password_hash
    monkeypatch.setattr(
        login, "check_password_hash", lambda *pair: checked.append(pair) or check(*pair)
    )
    door = Login(people[0])
    for _ in range(3):
        door.visitor(request(username="ann", password=PASSWORD))
    assert len(checked) == 1
    assert PASSWORD.encode() not in b"".join(door._right)


def test_a_change_of_the_file_holds_at_once(people, tmp_path):
    path = tmp_path / "users.json"
    users.add(path, "ann", Role.EDITOR, PASSWORD)
    door = Login(path)
    ann = request(username="ann", password=PASSWORD)
    assert door.visitor(ann).role is Role.EDITOR
    users.add(path, "ann", Role.VIEWER, PASSWORD)
    assert door.visitor(ann).role is Role.VIEWER
    users.add(path, "ann", Role.VIEWER, "another password")
    with pytest.raises(Unauthorized):
        door.visitor(ann)
    path.unlink()
    with pytest.raises(ServiceUnavailable):
        door.visitor(request(username="ann", password="another password"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_read_lets_nobody_in_and_that_is_said_once(tmp_path, mode):
    path, said = tmp_path / "users.json", []
    users.add(path, "ann", Role.ADMIN, PASSWORD)
    door = Login(path, remark=said.append)
    ann = request(username="ann", password=PASSWORD)
    assert door.visitor(ann).role is Role.ADMIN
    path.chmod(mode)
    for asked in (ann, ann, request()):
        with pytest.raises(ServiceUnavailable):
            door.visitor(asked)
    expected = f"--users: received {path} with mode {mode:04o}, expected 0600"
    assert said == [f"nobody can log in: {expected}"]
    path.chmod(0o600)
    assert door.visitor(ann).role is Role.ADMIN


def test_a_file_that_is_not_there_is_told_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="--users: received"):
        Login(tmp_path / "users.json")


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wrong(clock):
    return Tries(clock)


def test_a_few_wrong_tries_are_free_then_each_doubles_the_wait(wrong):
    waits = []
    for _ in range(login.FREE + 10):
        wrong.wrong("ann")
        waits.append(wrong.wait_s("ann"))
    assert waits[: login.FREE] == [0.0] * login.FREE
    assert waits[login.FREE :] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_the_wait_passes(wrong, clock):
    for _ in range(login.FREE + 3):
        wrong.wrong("ann")
    clock.now += 3
    assert wrong.wait_s("ann") == 1
    clock.now += 1
    assert wrong.wait_s("ann") == 0


def test_one_waits_for_nobody_else(wrong):
    for _ in range(20):
        wrong.wrong("ann")
    assert wrong.wait_s("bob") == 0


def test_the_right_one_clears_the_account_and_so_does_an_hour(wrong, clock):
    for _ in range(20):
        wrong.wrong("ann")
        wrong.wrong("bob")
    wrong.right("ann")
    wrong.wrong("ann")
    assert wrong.wait_s("ann") == 0
    clock.now += login.FORGOTTEN_S + 1
    wrong.wrong("bob")
    assert wrong.wait_s("bob") == 0


def test_it_does_not_grow_without_end(wrong):
    for number in range(login.MOST + 10):
        wrong.wrong(str(number))
    assert len(wrong._wrong) == login.MOST
