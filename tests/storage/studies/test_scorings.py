"""The lock on the test set: the first model that asks has it."""

import pytest

from studyhall.storage.database import Database
from studyhall.storage.studies import scorings, studies
from studyhall.storage.studies.rows import Study


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=3)[0]


def test_one_model_is_scored_once(db: Database, study: Study) -> None:
    first = scorings.begin(db, study, 7, "abc", "ann@one")
    assert first is not None and (first.number, first.scores) == (1, None)
    assert scorings.begin(db, study, 7, "abc", "bob@two") == first  # it was interrupted, perhaps
    scorings.finish(db, study, first, {"accuracy": 0.9}, [{"sample": 3}])
    scorings.finish(db, study, first, {"accuracy": 1.0}, [])
    known = scorings.begin(db, study, 7, "abc", "bob@two")
    assert known is not None and known.scores == {"accuracy": 0.9}
    assert (known.who, known.worst) == ("ann@one", [{"sample": 3}])
    assert scorings.begin(db, study, 9, "def", "bob@two") is None
    assert scorings.read(db, study) == [known]


def test_again_counts(db: Database, study: Study) -> None:
    for number, model in enumerate(("abc", "def", "def"), 1):
        opened = scorings.begin(db, study, 7, model, "ann@one", again=True)
        assert opened is not None and (opened.number, opened.scores) == (number, None)
        scorings.finish(db, study, opened, {"accuracy": 0.9}, [])
    assert [one.model_sha256 for one in scorings.read(db, study)] == ["abc", "def", "def"]
