"""A study, and stores of workers that share it."""

from collections.abc import Callable, Iterator

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import samplers
from studyhall.storage.sampling.pruning import Never, Pruner
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.trial_store import TrialStore

TERMS = Terms(silence_s=60.0, retries=2, heartbeat_s=30.0)


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests have just begun to watch the database; silence counts nevertheless."""
    monkeypatch.setattr(Terms, "grace_s", 0.0)


@pytest.fixture
def study(db: Database) -> Study:
    """A study of six trials."""
    return studies.create(db, "study", config={}, seed=0, trials=6)[0]


@pytest.fixture
def store(db: Database, study: Study) -> Iterator[Callable[..., TrialStore]]:
    """Makes stores of the study, each of another worker."""
    made: list[TrialStore] = []

    def make(
        sampler: str = "random", pruner: Pruner | None = None, terms: Terms = TERMS
    ) -> TrialStore:
        number = len(made)
        made.append(
            TrialStore(
                db.another(),
                study,
                Worker(f"worker-{number}", "host", number, "cpu"),
                samplers.named(sampler, study_seed=study.seed, grid={"x": [0.0, 0.5, 1.0]}),
                pruner or Never(),
                trial_seed=lambda number: 1000 + number,
                terms=terms,
                window=samplers.window(sampler),
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
        one._db.close()
