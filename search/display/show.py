"""Studies and trials for people: numbers, lines and tables."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from studyhall.search.display import tables
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Running, Status
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    from studyhall.search.diagnosis.verdicts import Verdict

SIGNIFICANT = 5  # digits of a loss that are shown


def number(value: float | None) -> str:
    """A loss or another measure, short; a dash where there is none."""
    return "–" if value is None else f"{value:.{SIGNIFICANT}g}"


def duration(seconds: float | None) -> str:
    """`75 s`, `12 min`, `3.4 h`: what a person wants to know of a time span."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def counted(count: int, what: str) -> str:
    """``1 training``, ``2 trainings``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def beside_budget(gpu_seconds: float) -> str:
    """What trainings took that are no trials."""
    return f"it took {duration(gpu_seconds)} of device time beside the budget"


def state(trial: TrialRecord) -> str:
    """How a trial stands, in words: complete, pruned, failed or running."""
    return "failed" if trial.state == "FAIL" else trial.state.lower()


def name(trial: TrialRecord) -> str | None:
    """What the study file calls a fixed trial."""
    return trial.attributes.get("name")


def called(number: int, name: str | None) -> str:
    """A trial in a text: ``7``, or ``2 (dropout)`` where it has a name."""
    return str(number) if name is None else f"{number} ({name})"


def reached(best_epoch: int | None, epochs: int, best_epochs: Sequence[int] | None) -> str:
    """When a trial was best: its epoch, or that of each of its trainings where it has several."""
    if best_epochs:
        return f"in {epochs} epochs, best at {', '.join(map(str, best_epochs))} of its trainings"
    return f"at epoch {best_epoch} of {epochs}" if best_epoch else ""


def spent(status: Status) -> bool:
    """Whether the budget allows nothing more: every result is there, or the time is used up."""
    return (
        status.finished >= status.limit
        or _reached(status.seconds_used, status.seconds_limit)
        or _reached(status.gpu_seconds_used, status.gpu_seconds_limit)
    )


def _reached(used: float, limit: float | None) -> bool:
    return limit is not None and used >= limit


def held(status: Status) -> list[Running]:
    """The trials that a worker has in hand; others that were begun wait to be continued."""
    return [running for running in status.running if running.held]


def left(status: Status) -> int:
    """How many results are still to come."""
    return max(0, status.limit - status.finished)


def left_s(status: Status) -> float | None:
    """Seconds until the budget is spent, by the rate of the last hour; None before it is known."""
    if status.finished_per_hour is None:
        return None
    return left(status) / status.finished_per_hour * 3600


def takeovers(status: Status) -> str:
    """What the deaths of workers have cost, in a line."""
    if status.takeovers == 0:
        return "takeovers: none"
    again = f"{status.repeated_epochs} epochs, {duration(status.repeated_s)} of training"
    return f"takeovers: {status.takeovers}; trained again: {again}"


def memory_share(status: Status) -> float:
    """Which share of the time used so far went into trials that ran out of memory, 0 to 1."""
    used = status.gpu_seconds_used
    return min(1.0, status.out_of_memory.gpu_seconds / used) if used else 0.0


def out_of_memory(status: Status) -> str:
    """What trials have cost that ran out of memory, in a line."""
    failed = status.out_of_memory.trials
    if failed == 0:
        return "out of memory: none"
    spent = duration(status.out_of_memory.gpu_seconds)
    share = f"{failed / status.limit:.1%} of the trials, {memory_share(status):.1%} of the time"
    return f"out of memory: {failed} failed, {spent}: {share}"


def studies_table(rows: Sequence[tuple[Study, Status]]) -> Table:
    """Every study of a database, a row each."""
    header = ("study", "complete", "pruned", "failed", "running", "left", "best", "by trial")
    return tables.table(header, [_study_row(*row) for row in rows], right=header[1:])


def _study_row(study: Study, status: Status) -> list[str]:
    best = status.incumbent
    return [
        study.name,
        *(str(status.counts[state]) for state in ("COMPLETE", "PRUNED", "FAIL")),
        str(len(held(status))),
        str(left(status)),
        number(best.value if best else None),
        called(best.number, name(best)) if best else "–",
    ]


def running_table(status: Status) -> Table:
    """What every worker is doing."""
    header = ("worker", "trial", "epoch", status.objective, "best", "heard")
    return tables.table(header, map(_running_row, status.running), right=header[1:])


def _running_row(running: Running) -> list[str]:
    return [
        running.worker if running.held else "waits for a worker",
        called(running.number, running.name),
        str(running.epoch),
        number(running.value),
        number(running.best),
        f"{duration(running.silent_s)} ago",
    ]


def trials_table(trials: Sequence[TrialRecord], verdicts: Mapping[int, Verdict | None]) -> Table:
    """Every trial, a row each: its outcome, the verdict, and what it was made of."""
    header = ("trial", "state", "value", "epoch", "verdict", "why it failed, hyperparameters")
    rows = [_trial_row(trial, verdicts.get(trial.number)) for trial in trials]
    return tables.table(header, rows, right=("trial", "value"))


def _trial_row(trial: TrialRecord, verdict: Verdict | None) -> list[str]:
    chosen = " ".join(f"{name}={value(found)}" for name, found in trial.params.items())
    return [
        called(trial.number, name(trial)),
        state(trial),
        number(trial.value),
        f"{trial.best_epoch}/{trial.epochs}" if trial.best_epoch else _trained(trial),
        verdict.name if verdict else "–",
        "; ".join(filter(None, (trial.attributes.get("reason"), chosen))),
    ]


def _trained(trial: TrialRecord) -> str:
    """The epochs of a trial of several trainings, of which none is the best one."""
    return str(trial.epochs) if "best_epochs" in trial.attributes else "–"


def trials_csv(
    trials: Sequence[TrialRecord], verdicts: Mapping[int, Verdict | None], path: Path
) -> None:
    """Every trial as a row of a CSV file; a column for each hyperparameter.

    Raises:
        OSError: the file can't be written.
    """
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        first = ["trial", "name", "state", "value", "best_epoch", "epochs", "verdict"]
        writer.writerow([*first, *names, "reason"])
        for trial in trials:
            verdict = verdicts.get(trial.number)
            known = [trial.number, name(trial), state(trial), trial.value, trial.best_epoch]
            known.append(trial.epochs)
            known.append(None if verdict is None else verdict.name)
            params = [trial.params.get(name) for name in names]
            writer.writerow([*known, *params, trial.attributes.get("reason")])


def finished_line(trial: TrialRecord, status: Status, finished: int) -> str:
    """One finished trial in a line, for logs; `finished` counts it and those before it."""
    outcome = trial.attributes.get("reason") or number(trial.value)
    at = reached(trial.best_epoch, trial.epochs, trial.attributes.get("best_epochs"))
    best = status.incumbent
    so_far = f"; best {number(best.value)} by trial {best.number}" if best else ""
    ended = f"trial {called(trial.number, name(trial))} {state(trial)}: {outcome} {at}".rstrip()
    return f"{time.strftime('%H:%M:%S')} {ended}{so_far}; {finished} of {status.limit}"


def value(found: Any) -> str:
    return f"{found:.4g}" if isinstance(found, float) else str(found)
