"""The users file: who is in it, what it keeps of them, who may read it."""

import json

import pytest
from werkzeug.security import check_password_hash

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role
from studyhall.search.study_file.config_error import ConfigError


@pytest.fixture
def file(tmp_path):
    """A users file that does not exist yet."""
    return tmp_path / "users.json"


def test_roles_include_those_below_them():
    assert Role.ADMIN.includes(Role.EDITOR) and Role.EDITOR.includes(Role.VIEWER)
    assert not Role.VIEWER.includes(Role.EDITOR) and not Role.EDITOR.includes(Role.ADMIN)
    assert Role.EDITOR.includes(Role.EDITOR)


def test_a_password_is_kept_as_its_hash_and_the_file_is_its_owners(file):
    assert users.add(file, "ann", Role.ADMIN, "correct horse")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "correct horse" not in file.read_text()
    (ann,) = users.read(file).values()
    assert (ann.name, ann.role) == ("ann", Role.ADMIN)
    assert ann.password.startswith("scrypt:") and check_password_hash(ann.password, "correct horse")


def test_a_token_is_kept_as_its_fingerprint(file):
    token, new = users.add_token(file, "ci", Role.VIEWER)
    assert new and len(token) >= 40
    assert token not in file.read_text()
    assert users.read(file)["ci"].token == users.fingerprint(token)


def test_adding_a_user_again_changes_role_and_password(file):
    users.add(file, "ann", Role.ADMIN, "correct horse")
    users.add(file, "bob", Role.VIEWER, "another one")
    assert not users.add(file, "ann", Role.EDITOR, "battery staple")
    ann = users.read(file)["ann"]
    assert ann.role is Role.EDITOR and check_password_hash(ann.password, "battery staple")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_user_can_be_removed(file):
    users.add(file, "ann", Role.ADMIN, "correct horse")
    with pytest.raises(ConfigError, match="user: received 'bob', expected one of ann"):
        users.remove(file, "bob")
    users.remove(file, "ann")
    assert users.read(file) == {}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ann\n", "-x", "a" * 101])
def test_a_name_that_wont_do(file, name):
    with pytest.raises(ConfigError, match=r"user: received .*, expected at most 100 letters"):
        users.add(file, name, Role.VIEWER, "correct horse")
    assert not file.exists()


def test_a_short_password_is_refused_without_repeating_it(file):
    with pytest.raises(ConfigError, match="password: received 6 characters, expected at least 8"):
        users.add(file, "ann", Role.VIEWER, "sesame")
    assert not file.exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"ann": {}}', '{"ann": {"role": "king"}}', '{"ann": {"role": "admin", "x": 1}}'],
)
def test_a_damaged_file(file, content):
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"--users: received .*, which is damaged, expected a f"):
        users.read(file)


def test_a_file_that_others_may_read(file):
    users.add(file, "ann", Role.ADMIN, "correct horse")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match=r"received .* with mode 0640, expected 0600"):
        users.read(file)


def test_a_missing_file_says_how_one_is_made(file):
    with pytest.raises(ConfigError, match=r"No such file .* studyhall users add NAME --role admin"):
        users.read(file)


def test_it_is_json_that_can_be_looked_at(file):
    users.add(file, "ann", Role.ADMIN, "correct horse")
    users.add_token(file, "ci", Role.VIEWER)
    shown = json.loads(file.read_text())
    assert shown["ann"].keys() == {"role", "password"} and shown["ci"].keys() == {"role", "token"}
