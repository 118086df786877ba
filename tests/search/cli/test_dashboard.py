"""The service's commands as they are typed: `users`, `trash`."""

import pytest

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role
from studyhall.storage.studies import studies, trash

# users


def test_users_come_and_go(typed, studio):
    file = studio.folder / "users.json"
    add = ("users", "add", "ann", "--users", str(file), "--password-stdin", "--role")
    code, out, err = typed(*add, "admin", answers="correct horse\nnot this\n")
    assert (code, out, err) == (0, "", "ann: admin, added\n")
    assert typed(*add, "editor", answers="correct horse\r\n")[2] == "ann: editor, changed\n"
    assert users.read(file)["ann"].role is Role.EDITOR
    code, token, err = typed("users", "add", "ci", "--users", str(file), "--role=viewer", "--token")
    assert err == "ci: viewer, added\n"
    assert users.read(file)["ci"].token == users.fingerprint(token.strip())
    listed = typed("users", "list", "--users", str(file))[1]
    assert listed == "ann: editor, password\nci: viewer, token\n"
    assert typed("users", "remove", "ann", "--users", str(file))[0] == 0
    assert [*users.read(file)] == ["ci"]


@pytest.mark.parametrize(
    ("arguments", "answers", "said"),
    [
        (("add", "ann", "--role", "admin", "--password-stdin"), "short\n", "password: received 5"),
        (("add", "a b", "--role", "admin", "--password-stdin"), "long enough\n", "user: received"),
        (("add", "ann", "--role", "king", "--password-stdin"), "long enough\n", "'king'"),
        (("remove", "ann"), "", "--users: received"),
        (("list",), "", "--users: received"),
    ],
)
def test_mistakes(typed, studio, arguments, answers, said):
    code, out, err = typed("users", *arguments, "--users", "users.json", answers=answers)
    assert (code, out) == (2, "") and said in err
    assert not (studio.folder / "users.json").exists()


# trash


def test_a_deleted_study_can_be_listed_restored_and_purged(typed, studio):
    assert typed("trash")[1] == "the trash is empty\n"
    study = studio.study(study={"name": "digits"})
    folder = studio.folder / "artifacts" / "digits"
    trash.put(studio.db, study.study_id, "ann")
    assert typed("status", "digits")[0] == 2
    shown = typed("trash")[1].splitlines()[-1].split()
    assert (shown[0], shown[2], shown[-1]) == ("digits", "0", "ann")
    assert typed("trash", "--restore", "digits")[1] == 'study "digits" with 0 trials: restored\n'
    assert typed("status", "digits")[0] == 0
    trash.put(studio.db, study.study_id, "ann")
    assert typed("trash", "--purge", "digits", answers="n\n")[1].endswith("nothing was deleted\n")
    assert folder.is_dir()
    code, out, _ = typed("trash", "--purge", str(study.study_id), "--yes")
    assert code == 0 and f"and {folder}: deleted" in out
    assert not folder.exists() and trash.contents(studio.db) == []


def test_what_is_not_in_the_trash(typed, studio):
    study = studio.study(study={"name": "digits"})
    code, _, err = typed("trash", "--restore", "digits")
    assert code == 2 and "expected a study in the trash, which is empty" in err
    trash.put(studio.db, study.study_id, "ann")
    code, _, err = typed("trash", "--purge", "digit", "--yes")
    assert code == 2 and err == "--purge: received 'digit', expected one of digits\n"


def test_a_name_that_is_taken_by_now(typed, studio):
    study = studio.study(study={"name": "digits"})
    trash.put(studio.db, study.study_id, "ann")
    studies.create(studio.db, "digits", config={}, seed=0, trials=1)
    code, _, err = typed("trash", "--restore", "digits")
    assert code == 2 and "expected an unused name" in err
