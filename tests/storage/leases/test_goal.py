"""Goals: no trial is started, or taken over, once the results in the database reach them."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studyhall.storage.database import Database
from studyhall.storage.leases.goal import NO_IMPROVEMENT, TARGET, Goal
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

NAMES = itertools.count()


def claimed(store: TrialStore) -> Claim:
    found = store.claim()
    assert isinstance(found, Claim), found
    return found


def end(store: TrialStore, claim: Claim, state: str, value: float | None) -> None:
    if value is not None:
        store.report(claim, 1, value, {})
    store.tell(claim, state, value if state == "COMPLETE" else None)


def in_words(results: list[tuple[str, float]], goal: Goal) -> str:
    """The rule, over results in the order in which they came."""
    counted = [(state, value) for state, value in results if state != "FAIL"]
    values = [value for state, value in counted if state == "COMPLETE"]
    if not values:
        return ""
    if goal.target is not None and min(values) <= goal.target:
        return TARGET
    if goal.stop_after is None or len(counted) <= goal.stop_after:
        return ""
    earlier = [v for state, v in counted[: -goal.stop_after] if state == "COMPLETE"]
    gain = min(earlier) - min(values) if earlier else float("inf")
    return "" if gain > 0 and gain >= goal.min_improvement else NO_IMPROVEMENT


goals = st.builds(
    Goal,
    target=st.none() | st.sampled_from([0.5, 2.0, 5.0]),
    stop_after=st.none() | st.integers(1, 4),
    min_improvement=st.sampled_from([0.0, 1.0, 2.5]),
)
states = st.sampled_from(["COMPLETE", "COMPLETE", "PRUNED", "FAIL"])
results = st.lists(st.tuples(states, st.integers(0, 9).map(float)), max_size=12)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(goal=goals, found=results, order=st.randoms(use_true_random=False))
def test_the_last_claim_is_the_one_before_it_is_reached(db: Database, goal, found, order) -> None:
    study, _ = studies.create(db, f"{next(NAMES)}", config={}, seed=0, trials=99, goal=goal)
    stores = [plain_store(db, study, Worker(name, "h", 1, "cpu")) for name in "ab"]
    held = [(store, claimed(store)) for store in stores]
    told: list[tuple[str, float]] = []
    for state, value in found:
        store, claim = held.pop(order.randrange(len(held)))
        end(store, claim, state, value)
        told.append((state, value))
        reason = in_words(told, goal)
        assert status.status(db, study).reached == reason
        if not reason:
            held.append((store, claimed(store)))
            continue
        assert store.claim() == Exhausted(reason)
        if not held:  # the other worker's trial has ended, too
            break
    for store in stores:
        store.close()


def reached(study: Study, db: Database) -> tuple[str, bool, int]:
    found = status.status(db, study)
    return found.reached, found.spent, found.left


def test_free_trials_wait_until_the_goal_is_changed(db: Database) -> None:
    study, _ = studies.create(db, "s", config={}, seed=0, trials=5, goal=Goal(target=1.0))
    store = plain_store(db, study)
    first = claimed(store)
    other = plain_store(db, study, Worker("b", "h", 1, "cpu"))
    handed_back = claimed(other)
    other.release(handed_back)
    end(store, first, "COMPLETE", 1.0)
    assert store.claim() == Exhausted(TARGET)
    assert reached(study, db) == (TARGET, True, 0)
    studies.set_limits(db, study, trials=5, goal=Goal(target=0.5))
    assert reached(study, db) == ("", False, 4)
    again = claimed(store)
    assert (again.number, again.attempt) == (handed_back.number, 2)
    store.close()
    other.close()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_targets_are_values_where_they_are_shown(db: Database, direction: str) -> None:
    cost = -0.9 if direction == "maximize" else 0.9
    study, _ = studies.create(
        db, "s", config={}, seed=0, trials=5, directions=[direction], goal=Goal(target=cost)
    )
    assert status.status(db, study).goal.target == 0.9
