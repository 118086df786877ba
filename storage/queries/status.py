"""The status of a study, read by a few indexed look-ups, however many trials it has."""

import json
from dataclasses import dataclass

from studyhall.storage.database import Database, Transaction, companions, connection
from studyhall.storage.leases import budget, goal
from studyhall.storage.leases.goal import Goal
from studyhall.storage.queries import at_work, records
from studyhall.storage.queries.at_work import Running, Sight
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import directions
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import results

UNLIMITED = 1_000_000  # trials of a study that only a time or a user's function ends
_RATE_WINDOW_S = 3600.0
_HELD = "EXISTS (SELECT 1 FROM studyhall_leases l WHERE l.study_id = b.study_id AND l.held = 1)"


@dataclass(frozen=True)
class OutOfMemory:
    """The cost of trials that failed out of memory; seconds are multiplied by devices."""

    trials: int
    gpu_seconds: float


@dataclass(frozen=True)
class Status:
    """A study at one moment of the database's clock.

    Args:
        now: epoch seconds of the database's clock.
        counts: trials by state: RUNNING, COMPLETE, PRUNED, FAIL.
        used: number of trials that have been started.
        limit: number of trials that may be started in all.
        queued: number of configurations that wait to be run first.
        seconds_used: wall-clock time during which at least one worker was active.
        seconds_limit: its limit; None for no limit.
        gpu_seconds_used: seconds during which workers held trials, times devices.
        gpu_seconds_limit: its limit; None for no limit.
        incumbent: the best complete trial.
        running: trials that have started and not ended, sorted by number.
        workers: all workers that have not exited.
        finished_per_hour: rate of results in the last hour; None before there are two.
        takeovers: how often a worker has continued another's trial.
        repeated_epochs: epochs that had to be trained again after takeovers.
        repeated_s: seconds that these took the first time.
        out_of_memory: the cost of trials that failed out of memory.
        stopping: whether the workers have been asked to stop.
        objective: the name of the first objective.
        goal: what ends the study before its budget does; its target is a value, not a cost.
        reached: the part of the goal that is reached, as `goal.reached` tells it; "" for none.
    """

    now: float
    counts: dict[str, int]
    used: int
    limit: int
    queued: int
    seconds_used: float
    seconds_limit: float | None
    gpu_seconds_used: float
    gpu_seconds_limit: float | None
    incumbent: TrialRecord | None
    running: list[Running]
    workers: list[Sight]
    finished_per_hour: float | None
    takeovers: int
    repeated_epochs: int
    repeated_s: float
    out_of_memory: OutOfMemory
    stopping: bool
    objective: str
    goal: Goal
    reached: str

    @property
    def finished(self) -> int:
        """The number of trials that have ended."""
        return sum(count for state, count in self.counts.items() if state != "RUNNING")

    @property
    def left(self) -> int:
        """The number of results that are still to come within the limit of trials."""
        return 0 if self.reached else max(0, self.limit - self.finished)

    @property
    def is_unlimited(self) -> bool:
        """True if no number of trials ends the study: what is left is no number either."""
        return self.limit >= UNLIMITED

    @property
    def left_s(self) -> float | None:
        """The seconds until all trials have ended, at the last hour's rate; None if unknown."""
        return self.finished_per_hour and self.left / self.finished_per_hour * 3600

    @property
    def spent(self) -> bool:
        """True if the budget is used up or the goal reached: no more trials are started."""
        return (
            self.finished >= self.limit
            or bool(self.reached)
            or (self.seconds_limit is not None and self.seconds_used >= self.seconds_limit)
            or (
                self.gpu_seconds_limit is not None
                and self.gpu_seconds_used >= self.gpu_seconds_limit
            )
        )

    @property
    def held(self) -> list[Running]:
        """The running trials that a worker holds; the others wait to be continued."""
        return [one for one in self.running if one.held]

    @property
    def memory_share(self) -> float:
        """The share of the GPU seconds used so far that out-of-memory trials have cost, 0 to 1."""
        used = self.gpu_seconds_used
        return min(1.0, self.out_of_memory.gpu_seconds / used) if used else 0.0


def status(db: Database, study: Study) -> Status:
    """Return the present status of a study.

    Raises:
        LookupError: the study is gone.
    """
    return db.snapshot(lambda transaction: read(transaction, study.study_id))


def read(transaction: Transaction, study_id: int) -> Status:
    """Return the status of a study, read in one transaction so that the numbers are consistent.

    Raises:
        LookupError: the study is gone.
    """
    limits = _limits(transaction, study_id)
    running = at_work.trials(transaction, study_id)
    counts, takeovers, epochs, seconds = _counts(transaction, study_id)
    return Status(
        now=limits.now,
        counts={"RUNNING": len(running), "COMPLETE": 0, "PRUNED": 0, "FAIL": 0, **counts},
        used=limits.used,
        limit=limits.trials,
        queued=limits.queued,
        seconds_used=limits.seconds_used,
        seconds_limit=limits.seconds,
        gpu_seconds_used=limits.gpu_seconds_used,
        gpu_seconds_limit=limits.gpu_seconds,
        incumbent=_incumbent(transaction, study_id, limits.directions),
        running=running,
        workers=at_work.workers(transaction, study_id),
        finished_per_hour=_rate(transaction, study_id),
        takeovers=takeovers + sum(one.attempt - 1 for one in running),
        repeated_epochs=epochs + sum(one.repeated_epochs for one in running),
        repeated_s=seconds + sum(one.repeated_s for one in running),
        out_of_memory=_out_of_memory(transaction, study_id),
        stopping=bool(limits.stop),
        objective=json.loads(limits.objectives or "[null]")[0] or "value",
        goal=Goal(
            directions.turned(limits.target, limits.direction),
            limits.stop_after,
            limits.min_improvement,
        ),
        reached=goal.reached(transaction, study_id, limits),
    )


def _limits(transaction: Transaction, study_id: int) -> connection.Row:
    row = transaction.row(
        f"""
        SELECT used, trials, seconds, gpu_seconds, stop, {{now}} AS now,
            target, stop_after, min_improvement,
            coalesce({budget.seconds_used("b", active=_HELD)}, 0.0) AS seconds_used,
            gpu_seconds_used + (
                SELECT coalesce(sum(l.held * l.devices * (l.heard_at - l.claimed_at)), 0.0)
                FROM studyhall_leases l WHERE l.study_id = b.study_id) AS gpu_seconds_used,
            (SELECT count(*) FROM studyhall_queue q WHERE q.study_id = b.study_id) AS queued,
            (SELECT d.direction FROM study_directions d
                WHERE d.study_id = b.study_id AND d.objective = 0) AS direction,
            (SELECT count(*) FROM study_directions d WHERE d.study_id = b.study_id) AS directions,
            (SELECT a.value_json FROM study_system_attributes a
                WHERE a.study_id = b.study_id AND a.key = 'study:metric_names') AS objectives
        FROM studyhall_budget b WHERE study_id = :study_id""",
        study_id=study_id,
    )
    if row is None:
        raise LookupError("the study has been deleted")
    return row


def _counts(transaction: Transaction, study_id: int) -> tuple[dict[str, int], int, int, float]:
    """Count finished trials by state; sum their takeovers, repeated epochs and their seconds."""
    rows = transaction.rows(
        """
        SELECT state, count(*), sum(attempt - 1), sum(repeated_epochs), sum(repeated_s)
        FROM studyhall_done WHERE study_id = :study_id GROUP BY state""",
        study_id=study_id,
    )
    counts = {row[0]: int(row[1]) for row in rows}
    takeovers, epochs = (sum(int(row[at]) for row in rows) for at in (2, 3))
    return counts, takeovers, epochs, sum(float(row[4]) for row in rows)


def _out_of_memory(transaction: Transaction, study_id: int) -> OutOfMemory:
    row = transaction.row(
        """
        SELECT count(*), coalesce(sum(d.gpu_seconds_used), 0.0) FROM studyhall_done d
            JOIN trial_user_attributes a ON a.trial_id = d.trial_id AND a.key = 'stopped'
        WHERE d.study_id = :study_id AND d.state = 'FAIL' AND a.value_json = :stopped""",
        study_id=study_id,
        stopped=json.dumps(results.OUT_OF_MEMORY),
    )
    assert row is not None
    return OutOfMemory(int(row[0]), float(row[1]))


def _incumbent(transaction: Transaction, study_id: int, objectives: int) -> TrialRecord | None:
    row = transaction.row(
        f"""
        SELECT number FROM studyhall_done WHERE study_id = :study_id AND state = 'COMPLETE'
        ORDER BY {directions.ranking(objectives)} LIMIT 1""",
        study_id=study_id,
    )
    is_hidden = companions.optunas(study_id) is None  # a hidden study has no use for a best trial
    return None if row is None or is_hidden else records.read(transaction, study_id, row[0])[0]


def _rate(transaction: Transaction, study_id: int) -> float | None:
    """Return the results per hour, by at most the latest 1,000 of the last hour.

    Where the clock was set back, those since then.
    """
    row = transaction.row(
        """
        WITH latest AS (
            SELECT sequence, finished_at,
                finished_at < lag(finished_at) OVER (ORDER BY sequence) AS back
            FROM (SELECT sequence, finished_at FROM studyhall_done WHERE study_id = :study_id
                ORDER BY sequence DESC LIMIT 1000) few)
        SELECT count(*), min(finished_at), max(finished_at) FROM latest
        WHERE finished_at BETWEEN {now} - :window_s AND {now}
            AND sequence >= (SELECT coalesce(max(sequence), 0) FROM latest WHERE back)""",
        study_id=study_id,
        window_s=_RATE_WINDOW_S,
    )
    if row is None or row[0] < 2 or row[2] <= row[1]:
        return None
    # n results span n - 1 intervals.
    return float((row[0] - 1) * 3600.0 / (row[2] - row[1]))
