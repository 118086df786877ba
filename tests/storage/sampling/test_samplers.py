"""Samplers on the mirror: Optuna's own proposals, whichever worker asks and however often."""

import contextlib
import importlib.util
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cmaes
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from studyhall.storage.database import Database
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import feed, pruning, samplers
from studyhall.storage.sampling.samplers import Cmaes, Factory
from studyhall.storage.studies import rows, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

GRID = {"x": [-1.0, 0.0, 2.0], "kind": ["flat", "steep"]}
SEED = 7
Params = dict[str, Any]


@pytest.fixture
def local(sqlite_url: str) -> Iterator[Database]:
    """A database of the kind that is quickest."""
    db = Database.open(sqlite_url)
    yield db
    db.close()


def made(db: Database, trials: int = 100, queue: tuple[Params, ...] = ()) -> Study:
    """A new study, each with the same name and thus the same draws, in a database of its own."""
    name = f"study-{len(studies.names(db))}"
    queued = map(rows.Queued, queue)
    return studies.create(db, name, config={}, seed=SEED, trials=trials, queue=queued)[0]


def factory(name: str) -> Factory:
    return samplers.named(name, study_seed=SEED, grid=GRID, startup_trials=5)


def trial_seed(number: int) -> int:
    return 1000 * SEED + number


@contextlib.contextmanager
def worker(db: Database, study: Study, sampler: Factory, name: str = "a") -> Iterator[TrialStore]:
    store = TrialStore(
        db,
        study,
        Worker(name, "host", 1, "cpu"),
        sampler,
        pruning.Never(),
        trial_seed=trial_seed,
        terms=Terms(heartbeat_s=60.0),
        window=samplers.window("cmaes"),
    )
    yield store
    store.close()


def suggest(trial: optuna.Trial) -> Params:
    trial.suggest_float("x", -3.0, 3.0)
    trial.suggest_float("rate", 1e-4, 1.0, log=True)
    trial.suggest_int("units", 8, 64, step=8)
    trial.suggest_categorical("kind", ["flat", "steep"])
    return trial.params


def suggest_grid(trial: optuna.Trial) -> Params:
    trial.suggest_categorical("x", GRID["x"])
    trial.suggest_categorical("kind", GRID["kind"])
    return trial.params


def loss(params: Params) -> float:
    steep = 2.0 if params["kind"] == "steep" else 1.0
    distance = np.log10(params.get("rate", 0.01)) + 2.0
    return float(steep * (params["x"] - 1.0) ** 2 + distance**2 + params.get("units", 0) / 64)


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim)
    return claim


def run(store: TrialStore, propose: Callable[[optuna.Trial], Params] = suggest) -> Params:
    """One trial; every fifth is pruned after its second epoch."""
    claim = claimed(store)
    params = propose(claim.trial)
    store.write_params(claim)
    pruned = claim.number % 5 == 3
    for epoch in (1, 2) if pruned else (1,):
        store.report(claim, epoch, loss(params) + 1 / epoch, {})
    store.tell(claim, "PRUNED" if pruned else "COMPLETE", loss(params))
    return params


def in_one_go(db: Database, name: str, trials: int, propose: Any = suggest) -> list[Params]:
    with worker(db, made(db), factory(name)) as store:
        return [run(store, propose) for _ in range(trials)]


def with_restarts(db: Database, name: str, trials: int, propose: Any = suggest) -> list[Params]:
    """Every trial by a worker that has just started and knows what the database holds."""
    study, found = made(db), []
    for number in range(trials):
        with worker(db, study, factory(name), f"worker-{number}") as store:
            found.append(run(store, propose))
    return found


@pytest.mark.parametrize("name", ["auto", "tpe", "random", "cmaes", "nsgaii", "qmc", "grid"])
def test_restarts_change_no_proposal(local: Database, name: str) -> None:
    propose = suggest_grid if name == "grid" else suggest
    trials = 34 if name == "cmaes" else 16
    params = in_one_go(local, name, trials, propose)
    assert params == with_restarts(local, name, trials, propose)
    assert len({tuple(one.values()) for one in params}) > 5


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_proposals_are_those_of_optuna_on_a_study_of_its_own(local: Database, name: str) -> None:
    study, theirs = optuna.create_study(), []
    for number in range(20):
        study.sampler = {
            "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
            "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
        }[name](trial_seed(number))
        trial = study.ask()
        params = suggest(trial)
        if number % 5 == 3:
            for epoch in (1, 2):
                trial.report(loss(params) + 1 / epoch, epoch)
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, loss(params))
        theirs.append(params)
    assert in_one_go(local, name, 20) == theirs


@pytest.mark.parametrize("name", ["grid", "qmc"])
def test_workers_at_the_same_time_share_one_sequence(local: Database, name: str) -> None:
    propose = suggest_grid if name == "grid" else suggest
    alone = in_one_go(local, name, 6, propose)
    study = made(local)
    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(worker(local.another(), study, factory(name), f"worker-{i}"))
            for i in range(6)
        ]
        if name == "qmc":  # the sequence begins once the hyperparameters are known
            assert run(stores[0], propose) == alone[0]
        rest = alone[1:] if name == "qmc" else alone
        claims = [claimed(store) for store in stores[: len(rest)]]
        together = [propose(claim.trial) for claim in reversed(claims)]
        assert together[::-1] == rest
        for store in stores:
            store._db.close()


def test_grid_gives_every_point_once_on_either_database(db: Database) -> None:
    study = made(db, queue=({"x": 2.0, "kind": "flat"},))
    with worker(db, study, factory("grid")) as one, worker(db, study, factory("grid"), "b") as two:
        queued = run(one, suggest_grid)
        first = [run(store, suggest_grid) for store in (one, two, two, one, two, one)]
        again = [run(store, suggest_grid) for store in (two, one, two, one, two, one)]
    assert queued == {"x": 2.0, "kind": "flat"}
    points = {(one["x"], one["kind"]) for one in first}
    assert points == {(x, kind) for x in GRID["x"] for kind in GRID["kind"]}
    assert again == first


def test_grid_draws_what_a_queued_configuration_leaves_open(local: Database) -> None:
    with worker(local, made(local, queue=({"x": 2.0},)), factory("grid")) as store:
        queued = run(store, suggest_grid)
        points = [run(store, suggest_grid) for _ in range(6)]
    assert queued["x"] == 2.0
    assert queued["kind"] in GRID["kind"]
    assert len({tuple(one.values()) for one in points}) == 6


def test_sobol_points_lie_evenly(local: Database) -> None:
    points = in_one_go(local, "qmc", 16)[1:]  # the first trial finds the hyperparameters out
    for share in (
        [(one["x"] + 3.0) / 6.0 for one in points],
        [(np.log10(one["rate"]) + 4.0) / 4.0 for one in points],
    ):
        assert len({int(16 * place) for place in share}) == 15


def hear(store: TrialStore) -> None:
    """Let a store learn what the next claim would learn."""
    knows, study_id = store._knowledge, store._study_id
    knows.learn(store._db.statement(lambda t: feed.read(t, study_id, knows.seen, with_rungs=False)))


def test_cmaes_replayed_equals_one_that_was_never_stopped(local: Database) -> None:
    made_samplers: list[Cmaes] = []

    def recorded(seed: int) -> Cmaes:
        made_samplers.append(Cmaes(seed, startup_trials=5))
        return made_samplers[-1]

    alive: cmaes.CMA | None = None
    generation: list[tuple[Any, float]] = []
    with worker(local, made(local), recorded) as store:
        for number in range(50):
            params = run(store)
            sampler = made_samplers[-1]
            if not sampler._space:
                continue
            hear(store)
            complete = store._knowledge.mirror.get_all_trials(0, states=(TrialState.COMPLETE,))
            replayed = sampler._restore_optimizer(complete)
            alive = alive or sampler._restore_optimizer([])
            told = [trial for trial in complete if trial.number == number]
            if told and any(key.startswith("cma:") for key in told[0].system_attrs):
                names = sorted(sampler._space)
                space = {name: sampler._space[name] for name in names}
                transform = optuna._transform._SearchSpaceTransform(
                    space, transform_step=True, transform_0_1=True
                )
                generation.append((transform.transform(params), loss(params)))
            if len(generation) == alive.population_size:
                alive.tell(generation)
                generation = []
            assert replayed.generation == alive.generation
            assert np.array_equal(replayed.mean, alive.mean)
            assert np.array_equal(replayed._C, alive._C)
            assert replayed._sigma == alive._sigma
    assert alive is not None
    assert alive.generation >= 3


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled_nor_pickled(local: Database, tmp_path: Path) -> None:
    study, trace = made(local), tmp_path / "exploded"
    with worker(local, study, factory("cmaes")) as store:
        for _ in range(8):
            run(store)
    hostile = pickle.dumps(Bomb(trace)).hex()
    planted = {f"cma:{kind}optimizer:{i}": hostile for kind in ("", "n:") for i in (0, 1)}
    local.transaction(
        lambda t: t.run(
            "UPDATE studyhall_done SET attributes = :planted", planted=json.dumps(planted)
        )
    )
    with worker(local, study, factory("cmaes"), "later") as store:
        for _ in range(12):
            run(store)
    keys = local.snapshot(lambda t: t.rows("SELECT DISTINCT key FROM trial_system_attributes"))
    assert not trace.exists()
    assert not [key for (key,) in keys if "optimizer" in key]
    pickle.loads(bytes.fromhex(hostile))
    assert trace.exists()  # it would have been noticed


def test_unknown_or_incomplete_samplers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sampler: received 'best', expected one of auto, tpe"):
        factory("best")
    with pytest.raises(ValueError, match="received 'grid', expected a list of values for each"):
        samplers.named("grid", study_seed=0)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="PyTorch is installed")
def test_gp_without_pytorch_says_what_to_install() -> None:
    with pytest.raises(ValueError, match="pip install torch"):
        factory("gp")


def test_cmaes_sees_every_generation_however_long_the_study() -> None:
    assert samplers.window("cmaes")._sizes[1] > 10**6 > samplers.window("tpe")._sizes[1]
