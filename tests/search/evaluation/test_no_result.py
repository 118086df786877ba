"""A study that ends without one complete trial: its exit code is no success, and it says why."""

from typing import Any

import pytest

from studyhall.search.cli import lifecycle
from studyhall.search.evaluation import no_result
from studyhall.storage.studies import studies

FAILING = """
    def build(trial, input_shape, outputs):
        raise ValueError("no [red] network" if trial.number else "another reason")
"""


@pytest.fixture(scope="module")
def failed(shared_studio: Any) -> Any:
    """A study of which all three trials have failed."""
    study = shared_studio.study(FAILING, study={"trials": 3}, space={"width": None})
    outcomes = shared_studio.finish(study)
    assert [outcome.value for outcome in outcomes] == ["failed"] * 3
    return shared_studio.db, study


def test_a_run_that_ends_without_a_result_is_no_success(failed: Any, capsys: Any) -> None:
    db, study = failed
    assert no_result.has_none(db, study)
    assert lifecycle.run(db, study, str(db.url), [], quiet=True) == 1
    *_, title, first, second, last = capsys.readouterr().out.splitlines()
    assert title == 'study "iris" has no result: 0 of 3 trials completed'
    assert first == "  2 × failed: mine.py, line 3: ValueError: no [red] network"
    assert second == "  1 × failed: mine.py, line 3: ValueError: another reason"
    assert last.startswith("all trials: studyhall trials iris --storage sqlite:///")


def test_while_something_is_to_come_nothing_is_lost(failed: Any) -> None:
    db, study = failed
    studies.extend(db, study, trials=1)
    assert not no_result.has_none(db, study)


def test_pruned_trials_are_no_result_either(studio: Any, capsys: Any) -> None:
    study = studio.study(study={"trials": 1})
    store = studio.worker(study).context.store
    claim = store.claim()
    known = {"attributes": {"stopped": "by hand"}, "system_attributes": {}}
    store.tell(claim, "PRUNED", 0.5, **known, study_system_attributes={})
    assert lifecycle.run(studio.db, study, str(studio.db.url), [], quiet=True) == 1
    assert "  1 × pruned: it fell behind, or a user stopped it" in capsys.readouterr().out


def test_a_builder_that_prunes_is_quoted() -> None:
    from tests.search.cli.test_literal import trial

    ended = trial("x", state="PRUNED", attributes={"reason": "too big"})
    assert [*no_result.reasons([ended])] == ["  1 × pruned: too big"]


def test_only_the_most_frequent_reasons_are_told() -> None:
    from tests.search.cli.test_literal import trial

    reasons = ["a", "b", "b", "c", "d", "e", "c", "b"]
    ended = [trial("x", attributes={"reason": reason}) for reason in reasons]
    assert [*no_result.reasons(ended)] == [
        "  3 × failed: b",
        "  2 × failed: c",
        "  1 × failed: a",
        "  2 × for other reasons",
    ]
