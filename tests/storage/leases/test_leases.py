"""Leases, budget and takeovers against a model, on both databases."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases import leases, workers
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import feed
from studyhall.storage.studies import studies
from studyhall.storage.trials import claim as claiming
from studyhall.storage.trials import control, ending, epochs, history, recovery
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.epochs import EpochReport
from studyhall.storage.trials.results import Result

TERMS = Terms(silence_s=60.0, retries=2, heartbeat_s=0.0)
NAMES = itertools.count()


@dataclass
class Modelled:
    """The model's state of one trial."""

    fence: int = 1
    held: bool = True
    silent: bool = False
    attempt: int = 1
    progress: int = 0
    progress_at_claim: int = 0
    checkpoint: int = 0
    repeated: int = 0
    barren: int = 0
    memory_failures: int = 0
    mib: int = 0  # of its holder
    too_small: int = 0  # the largest that was not enough
    waited: bool = False  # free, and not heard of for long
    stopped: bool = False
    state: str = "RUNNING"
    values: dict[int, float] = field(default_factory=dict)


class Leases(RuleBasedStateMachine):
    """Workers claim, report, fall silent, wake up, hand back and finish in any order."""

    db: Database
    held = Bundle("held")  # every lease that was ever given out, lost ones too

    def __init__(self) -> None:
        super().__init__()
        self.limit = 3
        self.study, _ = studies.create(
            self.db, f"study-{next(NAMES)}", config={}, seed=0, trials=self.limit
        )
        self.trials: dict[int, Modelled] = {}
        self.workers: dict[Lease, str] = {}
        self.alive: dict[str, int] = {}  # the memory of each worker
        self.stopped = False

    def _do(self, work: Callable[[Transaction], object]) -> object:
        return self.db.transaction(work)

    def _reclaimed(self) -> None:
        """Change the model as a reclaiming should change the database."""
        for trial in self.trials.values():
            if trial.state == "RUNNING" and trial.held and trial.silent:
                self._left(trial)
        for trial in self.trials.values():
            free = trial.state == "RUNNING" and not trial.held
            short = trial.memory_failures > 1 and trial.too_small > 0
            if free and short and trial.waited and self._largest() <= trial.too_small:
                trial.state = "FAIL"

    def _largest(self) -> int:
        return max(self.alive.values(), default=0)

    def _for(self, mib: int, trials: dict[int, Modelled]) -> list[int]:
        """The free trials that a worker with so much memory may take over now."""
        free = {number: trial for number, trial in trials.items() if not trial.held}
        fit = [
            number
            for number, trial in free.items()
            if not trial.too_small
            or mib > trial.too_small
            or (trial.memory_failures == 1 and self._largest() <= trial.too_small)
        ]
        if fit or len(self.trials) < self.limit:
            return fit
        return [number for number, trial in free.items() if trial.memory_failures == 1]

    def _ran_out(self, trial: Modelled, out_of_memory: bool) -> None:
        trial.memory_failures += out_of_memory
        trial.too_small = max(trial.too_small, out_of_memory * trial.mib)

    def _left(self, trial: Modelled) -> None:
        """Change the model of a trial whose worker is presumed dead."""
        trial.barren = 0 if trial.progress > trial.progress_at_claim else trial.barren + 1
        trial.held, trial.waited, trial.silent = False, trial.silent, False
        trial.fence += 1
        if trial.stopped:
            trial.state = "PRUNED"
        elif trial.barren > TERMS.retries:
            trial.state = "FAIL"

    @rule(target=held, mib=st.sampled_from([0, 1000, 2000]))
    def claim(self, mib: int) -> object:
        who = Worker(f"worker-{next(NAMES)}", "host", 1, "cpu", memory_mib=mib)
        self._do(lambda t: workers.note(t, self.study.study_id, who))
        self.alive[who.name] = mib
        token = claiming.new_token()
        answer = self._do(
            lambda t: claiming.claim(
                t, self.study.study_id, who, token, TERMS, clock=self.db.clock, seen=feed.Seen()
            )
        )
        self._reclaimed()
        running = {n: t for n, t in self.trials.items() if t.state == "RUNNING"}
        free = self._for(mib, running)
        if self.stopped:
            assert answer == Exhausted("stopped")
        elif free:
            assert isinstance(answer, Lease)
            assert answer.number == min(free)
            self._taken_over(self.trials[min(free)], answer)
            self.trials[min(free)].mib = mib
            self.workers[answer] = who.name
            return answer
        elif len(self.trials) < self.limit:
            assert isinstance(answer, Lease)
            assert answer.number == len(self.trials)
            assert (answer.fence, answer.attempt) == (1, 1)
            self.trials[answer.number] = Modelled(mib=mib)
            self.workers[answer] = who.name
            return answer
        else:
            assert answer == (Waiting(len(running)) if running else Exhausted("trials"))
        return multiple()

    def _taken_over(self, trial: Modelled, lease: Lease) -> None:
        trial.held, trial.silent = True, False
        trial.fence, trial.attempt = trial.fence + 1, trial.attempt + 1
        trial.progress_at_claim = trial.progress
        trial.repeated += trial.progress - trial.checkpoint
        assert (lease.fence, lease.attempt) == (trial.fence, trial.attempt)
        assert lease.memory_failures == trial.memory_failures
        begun = self.db.snapshot(lambda t: history.read(t, lease.trial_id))
        assert begun.reports == trial.values
        assert len(begun.history) == trial.progress

    def _valid(self, lease: Lease) -> bool:
        trial = self.trials[lease.number]
        return trial.state == "RUNNING" and trial.held and trial.fence == lease.fence

    def _fenced(self, lease: Lease, work: Callable[[Transaction], object]) -> bool:
        """Return True if the write took place; it must exactly if the lease is valid."""
        if self._valid(lease):
            self._do(work)
            self.trials[lease.number].silent = False
            return True
        with pytest.raises(LeaseLost):
            self._do(work)
        return False

    @rule(lease=held, epoch=st.integers(1, 4), value=st.floats(0, 1))
    def report(self, lease: Lease, epoch: int, value: float) -> None:
        trial = self.trials[lease.number]
        epoch = min(epoch, trial.progress + 1)  # a curve has no gaps
        made = EpochReport(epoch, epoch, 0, max(trial.progress, epoch), value, {"val_loss": value})
        if self._fenced(
            lease,
            lambda t: epochs.write(t, self.study.study_id, lease, [made], feed.Seen()),
        ):
            trial.progress = max(trial.progress, epoch)
            trial.values[epoch] = value

    @rule(lease=held)
    def beat(self, lease: Lease) -> None:
        order = self._do(lambda t: leases.beat(t, lease))
        assert (order is not None) == self._valid(lease)
        if order is not None:
            self.trials[lease.number].silent = False

    @rule(lease=held)
    def checkpoint(self, lease: Lease) -> None:
        trial = self.trials[lease.number]

        def work(transaction: Transaction) -> None:
            if not leases.point(transaction, lease, f"after-{trial.progress}", trial.progress):
                raise LeaseLost

        if self._fenced(lease, work):
            trial.checkpoint = trial.progress

    @rule(lease=held, out_of_memory=st.booleans())
    def release(self, lease: Lease, out_of_memory: bool) -> None:
        def work(transaction: Transaction) -> None:
            recovery.hand_back(transaction, self.study.study_id, lease, out_of_memory=out_of_memory)

        if self._fenced(lease, work):
            trial = self.trials[lease.number]
            trial.held, trial.waited, trial.fence = False, False, trial.fence + 1
            self._ran_out(trial, out_of_memory)
            trial.state = "PRUNED" if trial.stopped else "RUNNING"

    @rule(lease=consumes(held), state=st.sampled_from(["COMPLETE", "PRUNED", "FAIL"]))
    def finish(self, lease: Lease, state: str) -> None:
        trial = self.trials[lease.number]
        value = None if state == "FAIL" else min(trial.values.values(), default=0.5)
        result = Result(state, value, trial.values, None, "{}", "{}", {"reason": "so"})
        if self._fenced(
            lease,
            lambda t: ending.finish(t, self.study.study_id, lease.trial_id, lease.fence, result),
        ):
            trial.state = state

    @rule(number=st.integers(0, 5))
    def fall_silent(self, number: int) -> None:
        if number in self.trials:
            self.trials[number].silent = self.trials[number].waited = True
            self._do(
                lambda t: t.run(
                    """
                    UPDATE studyhall_leases SET heard_at = heard_at - 61
                    WHERE study_id = :study_id AND number = :number""",
                    study_id=self.study.study_id,
                    number=number,
                )
            )

    @rule()
    def reap(self) -> None:
        control.reap(self.db, self.study, TERMS)
        self._reclaimed()

    @rule(lease=held, out_of_memory=st.booleans())
    def free(self, lease: Lease, out_of_memory: bool) -> None:
        """A launcher has seen a worker die that holds one trial, or none."""
        trial, valid = self.trials[lease.number], self._valid(lease)
        found = control.free(
            self.db,
            self.study,
            self.workers[lease],
            out_of_memory=out_of_memory,
            terms=TERMS,
        )
        assert (found is not None) == valid
        self.alive.pop(self.workers[lease], None)
        if valid:
            self._ran_out(trial, out_of_memory)
            self._left(trial)

    @rule(lease=held)
    def fail(self, lease: Lease) -> None:
        valid = self._valid(lease)
        who = (self.db, self.study, lease.trial_id, lease.fence)
        assert control.fail(*who, "it hangs", "time limit") == valid
        if valid:
            self.trials[lease.number].state = "FAIL"

    @rule(number=st.integers(0, 5))
    def stop_trial(self, number: int) -> None:
        trial = self.trials.get(number)
        there = trial is not None and trial.state == "RUNNING"
        assert control.stop_trial(self.db, self.study, number) == there
        if trial is not None and there:
            trial.stopped, trial.state = True, "RUNNING" if trial.held else "PRUNED"

    @rule()
    def extend(self) -> None:
        if self.limit < 6:
            studies.extend(self.db, self.study, trials=1)
            self.limit += 1

    @rule(stop=st.booleans())
    def stop(self, stop: bool) -> None:
        control.set_stop(self.db, self.study, stop)
        self.stopped = stop

    @invariant()
    def agrees(self) -> None:
        found = records.trials(self.db, self.study)
        assert [record.number for record in found] == sorted(self.trials)
        for record in found:
            trial = self.trials[record.number]
            assert record.state == trial.state
            assert record.epochs == trial.progress
            assert record.attempt == trial.attempt
            assert record.repeated_epochs == trial.repeated
        state = status.status(self.db, self.study)
        assert state.used == len(self.trials) <= state.limit == self.limit
        assert {one.number: one.held for one in state.running} == {
            number: trial.held for number, trial in self.trials.items() if trial.state == "RUNNING"
        }


def test_leases_agree_with_the_model(db: Database) -> None:
    Leases.db = db
    run_state_machine_as_test(
        Leases,
        settings=settings(
            max_examples=60 if db.kind == "sqlite" else 40,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.generate],  # shrinking would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
