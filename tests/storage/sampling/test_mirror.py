"""The finished trials in memory, as Optuna's samplers see them."""

import random

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import encoding
from studyhall.storage.leases.leases import Lease
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.window import Window
from studyhall.storage.trials import claimed_trial

SPACES = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "kind": CategoricalDistribution(["flat", "steep"]),
}


def finished(number: int, state: str = "COMPLETE", value: float | None = None) -> Finished:
    draw = random.Random(number)
    params = {"rate": draw.uniform(1e-4, 1.0), "kind": draw.choice(["flat", "steep"])}
    loss = draw.random() if value is None else value
    packed = encoding.pack_params(params, SPACES)
    return Finished(
        number, number + 100, number, state, loss, 3, 0.75, *packed, '{"cma:generation": 2}', None
    )


def running(number: int) -> FrozenTrial:
    lease = Lease(number + 100, number, 1, 1, number, None, None, None, None)
    return claimed_trial.claimed_trial(lease, {})


def shown(mirror: Mirror) -> list[FrozenTrial]:
    return mirror.get_all_trials(0)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror("study", Window())


def test_finished_trials_look_as_optuna_would_read_them(mirror: Mirror) -> None:
    complete, pruned = finished(0, value=0.5), finished(1, "PRUNED", value=0.6)
    mirror.learn([complete, pruned])
    one, two = shown(mirror)
    assert (one.number, one._trial_id, one.state, one.value) == (0, 100, TrialState.COMPLETE, 0.5)
    assert one.distributions == SPACES
    assert one.params == encoding.unpack_params(complete.params, complete.distributions)[0]
    assert one.params["kind"] in ("flat", "steep")
    assert one.system_attrs == {"cma:generation": 2}
    assert (two.state, two.intermediate_values) == (TrialState.PRUNED, {3: 0.75})


def test_order_of_hearing_changes_nothing() -> None:
    trials = [finished(number, "PRUNED" if number % 3 else "COMPLETE") for number in range(60)]
    views = []
    for seed in range(4):
        random.Random(seed).shuffle(trials)
        mirror = Mirror("study", Window(best=5, latest=20))
        for start in range(0, 60, 7):
            mirror.learn(trials[start : start + 7])
            shown(mirror)  # what was shown before must not stick
        views.append(shown(mirror))
    assert all(view == views[0] for view in views)
    assert 20 <= len(views[0]) < 60


def test_running_trials_are_shown_until_they_end(mirror: Mirror) -> None:
    mirror.learn([finished(0)])
    mirror.show_running([running(2), running(1)])
    states = [(trial.number, trial.state.name) for trial in shown(mirror)]
    assert states == [(0, "COMPLETE"), (1, "RUNNING"), (2, "RUNNING")]
    mirror.learn([finished(1)])
    states = [(trial.number, trial.state.name) for trial in shown(mirror)]
    assert states == [(0, "COMPLETE"), (1, "COMPLETE"), (2, "RUNNING")]
    mirror.show_running([running(3)])
    assert [trial.number for trial in shown(mirror)] == [0, 1, 3]
    assert [t.number for t in mirror.get_all_trials(0, states=(TrialState.RUNNING,))] == [3]


def test_what_is_suggested_is_noted_for_the_database(mirror: Mirror) -> None:
    mirror.learn([finished(number) for number in range(12)])
    mine = running(12)
    mirror.show_running([mine])
    trial = optuna.Trial(mirror.study(optuna.samplers.TPESampler(seed=0)), mine._trial_id)
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    kind = trial.suggest_categorical("kind", ["flat", "steep"])
    trial.set_user_attr("note", [1])
    assert mine._params == {"rate": rate, "kind": kind}
    assert mine._distributions == SPACES
    assert mine._user_attrs == {"note": [1]}
    assert trial.number == 12
    assert trial.suggest_float("rate", 1e-4, 1.0, log=True) == rate


def test_samplers_get_copies_unless_they_ask_for_the_trials_themselves(mirror: Mirror) -> None:
    mirror.learn([finished(0)])
    mirror.get_all_trials(0)[0].params["rate"] = 99.0
    shown(mirror)[0]._system_attrs["planted"] = 1
    assert shown(mirror)[0].params["rate"] != 99.0
    assert "planted" not in shown(mirror)[0].system_attrs
    same = mirror.get_all_trials(0, deepcopy=False)[0]
    assert same is mirror.get_trial(100)


def test_direction_and_names_are_what_samplers_ask_for(mirror: Mirror) -> None:
    study = mirror.study(optuna.samplers.RandomSampler(seed=0))
    assert study.study_name == "study"
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    mirror.learn([finished(0, value=0.5), finished(1, value=0.25)])
    assert study.best_trial.number == 1
    mirror.set_study_system_attr(0, "key", 1)
    assert mirror.get_study_system_attrs(0) == {"key": 1}


def test_results_and_new_trials_are_refused(mirror: Mirror) -> None:
    mirror.show_running([running(0)])
    study = mirror.study(optuna.samplers.RandomSampler(seed=0))
    for use in (
        study.ask,
        lambda: study.tell(0, 0.5),
        lambda: study.set_user_attr("key", 1),
        lambda: mirror.delete_study(0),
        mirror.get_all_studies,
    ):
        with pytest.raises(NotImplementedError, match="only shows finished trials"):
            use()
    assert [trial.state for trial in shown(mirror)] == [TrialState.RUNNING]
