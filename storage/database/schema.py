"""The tables of studyhall, next to Optuna's in the same database.

Optuna's tables hold what its clients read: studies, trials, parameters, reports, values. Ours hold
what Optuna has no table for: the budget, the leases, all metrics of all epochs, and the feed from
which workers learn of each other's results.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()
_Float = sa.Double


def _table(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    return sa.Table(f"studyhall_{name}", metadata, *columns, **options)


def _study() -> sa.Column[int]:
    return sa.Column("study_id", sa.Integer, primary_key=True, autoincrement=False)


def _trial() -> sa.Column[int]:
    return sa.Column("trial_id", sa.Integer, primary_key=True, autoincrement=False)


def _column(
    name: str, kind: type[sa.types.TypeEngine[Any]], default: str | None = None
) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)


schema = _table(
    "schema",
    sa.Column("version", sa.Integer, primary_key=True),
    _column("optuna_version", sa.Text),  # the last version of Optuna that has checked its tables
    _column("optuna_revision", sa.Text),
)
studies = _table(
    "studies",
    _study(),
    _column("seed", sa.BigInteger),
    _column("config", sa.Text),  # JSON: the checked study file
    _column("created_at", _Float),
    _column("token", sa.Text),  # of the call that created it
)
budget = _table(
    "budget",
    _study(),
    _column("trials", sa.Integer),  # how many trials the study may start in all
    _column("used", sa.Integer, "0"),  # how many it has started; the next trial's number
    _column("drawn", sa.Integer, "0"),  # how many of these were sampled, not queued
    _column("sequence", sa.Integer, "0"),  # the last number of the feed; grows with each row
    sa.Column("seconds", _Float),  # limit of the wall-clock time; null: none
    sa.Column("gpu_seconds", _Float),  # limit of seconds times devices; null: none
    _column("gpu_seconds_used", _Float, "0"),  # by leases that have ended
    sa.Column("started_at", _Float),  # time of the first claim
    # Seconds since then that don't count: no worker was active, or the clock was set.
    _column("idle_s", _Float, "0"),
    sa.Column("active_at", _Float),  # time of the last claim (also a refused one), beat or result
    _column("silence_s", _Float, "90"),  # a longer pause between two of these doesn't count
    _column("stop", sa.Integer, "0"),  # 1: every worker must hand back its trial and exit
    sa.Column("target", _Float),  # a cost that is good enough; null: none is
    sa.Column("stop_after", sa.Integer),  # results without an improvement; null: any number
    _column("min_improvement", _Float, "0"),  # less than this is none
)
leases = _table(
    "leases",
    _trial(),
    sa.Column("study_id", sa.Integer, nullable=False, index=True),
    _column("number", sa.Integer),
    sa.Column("draw", sa.Integer),  # trials sampled before it; null for a queued configuration
    sa.Column("fixed", sa.Text),  # JSON: the queued configuration
    _column("fence", sa.Integer, "1"),  # grows whenever the holder changes or is declared dead
    _column("token", sa.Text),  # of the last claim
    _column("held", sa.Integer, "1"),  # 0: handed back or reclaimed, free to be taken over
    _column("worker", sa.Text),
    _column("host", sa.Text),
    _column("pid", sa.Integer),
    _column("device", sa.Text),
    _column("devices", _Float),
    _column("attempt", sa.Integer, "1"),  # how many workers have held it
    _column("lost", sa.Integer, "0"),  # how often its holder fell silent or died
    _column("barren", sa.Integer, "0"),  # how many of these in a row completed no new epoch
    sa.Column("previous_worker", sa.Text),
    _column("created_at", _Float),
    _column("claimed_at", _Float),  # heard_at, less how long the holder has held it by its clock
    _column("heard_at", _Float),  # time of the last report or heartbeat
    _column("progress", sa.Integer, "0"),  # epochs in the history, all folds
    _column("progress_at_claim", sa.Integer, "0"),
    _column("repeated_epochs", sa.Integer, "0"),  # epochs trained again after takeovers
    _column("repeated_s", _Float, "0"),  # seconds that these took the first time
    _column("gpu_seconds_used", _Float, "0"),  # by the holders before this one
    _column("memory_mib", sa.Integer, "0"),  # of the holder's device; 0: unknown
    _column("memory_failures", sa.Integer, "0"),  # how often its worker ran out of memory
    _column("too_small_mib", sa.Integer, "0"),  # the largest memory of these workers; 0: unknown
    _column("epoch", sa.Integer, "0"),  # the last reported
    sa.Column("value", _Float),  # of that epoch, as a cost
    sa.Column("params", sa.Text),  # JSON: Optuna's internal values by name
    sa.Column("distributions", sa.Text),  # JSON: Optuna's distributions by name
    sa.Column("checkpoint", sa.Text),  # the object's name
    _column("checkpoint_progress", sa.Integer, "0"),  # epochs of the history that it holds
    _column("stop", sa.Integer, "0"),  # 1: its worker must end this trial as pruned
)
queue = _table(
    "queue",
    sa.Column("queue_id", sa.Integer, primary_key=True),
    sa.Column("study_id", sa.Integer, nullable=False, index=True),
    _column("params", sa.Text),  # JSON; may name only some of the hyperparameters
    sa.Column("attributes", sa.Text),  # JSON: user attributes for its trial
    sa.Column("token", sa.Text, nullable=False, unique=True),
)
history = _table(
    "history",
    _trial(),
    sa.Column("fold", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", _Float),
    _column("metrics", sa.Text),  # JSON, see `encoding.pack_metrics`
    sa.Column("seconds", _Float),  # how long the epoch took
    sqlite_with_rowid=False,
)
done = _table(  # the feed of finished trials
    "done",
    _trial(),
    _column("study_id", sa.Integer),
    _column("sequence", sa.Integer),
    _column("number", sa.Integer),
    _column("state", sa.Text),
    sa.Column("value", _Float),  # a cost
    sa.Column("best_epoch", sa.Integer),
    _column("epochs", sa.Integer),
    sa.Column("last_step", sa.Integer),
    sa.Column("last_value", _Float),
    _column("params", sa.Text),  # JSON, as in leases
    _column("distributions", sa.Text),
    _column("attributes", sa.Text),  # JSON: the sampler's own system attributes
    sa.Column("reports", sa.LargeBinary),  # of a complete trial: values by step, little-endian f8
    _column("worker", sa.Text),
    _column("host", sa.Text),
    _column("device", sa.Text),
    _column("attempt", sa.Integer),
    _column("repeated_epochs", sa.Integer),
    _column("repeated_s", _Float, "0"),
    _column("gpu_seconds_used", _Float, "0"),
    _column("fence", sa.Integer),
    _column("started_at", _Float),
    _column("finished_at", _Float),
    sa.UniqueConstraint("study_id", "sequence"),
    sa.Index("studyhall_done_value", "study_id", "state", "value", "number"),
)
rungs = _table(  # the feed of values with which trials reached rungs of successive halving
    "rungs",
    _trial(),
    sa.Column("rung", sa.Integer, primary_key=True, autoincrement=False),
    _column("study_id", sa.Integer),
    _column("sequence", sa.Integer),
    _column("number", sa.Integer),
    sa.Column("value", _Float),
    sa.Index("studyhall_rungs_sequence", "study_id", "sequence"),
)
workers = _table(
    "workers",
    _study(),
    sa.Column("name", sa.Text, primary_key=True),
    _column("host", sa.Text),
    _column("pid", sa.Integer),
    _column("device", sa.Text),
    _column("memory_mib", sa.Integer, "0"),  # of its device; 0: unknown
    _column("started_at", _Float),
    _column("seen_at", _Float),
)
facts = _table(
    "facts",
    _study(),
    sa.Column("key", sa.Text, primary_key=True),
    _column("value", sa.Text),  # JSON
)
scorings = _table(
    "scorings",
    _study(),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # 1 for the first
    _column("trial", sa.Integer),
    _column("model_sha256", sa.Text),
    _column("who", sa.Text),  # user@host
    _column("scored_at", _Float),
    sa.Column("scores", sa.Text),  # JSON; null while they are being computed
    sa.Column("worst", sa.Text),  # JSON: the samples with the largest errors
)
