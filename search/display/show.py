"""Studies and trials for people, as lines and tables."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table

from studyhall.search.display import tables, words
from studyhall.storage.database import private_files
from studyhall.storage.leases.goal import TARGET
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study


def takeovers(status: Status) -> str:
    """Return a line on the takeovers after workers died, and the training repeated for them."""
    if status.takeovers == 0:
        return "takeovers: none"
    again = f"{status.repeated_epochs} epochs, {words.duration(status.repeated_s)} of training"
    return f"takeovers: {status.takeovers}; trained again: {again}"


def out_of_memory(status: Status) -> str:
    """Return a line on the trials that ran out of memory, and the time they took."""
    failed = status.out_of_memory.trials
    if failed == 0:
        return "out of memory: none"
    spent = words.duration(status.out_of_memory.gpu_seconds)
    share = f"{failed / status.limit:.1%} of the trials, {status.memory_share:.1%} of the time"
    return f"out of memory: {failed} failed, {spent}: {share}"


def goal(status: Status) -> str:
    """Return a line on the goal that ended the study before its budget; "" while none has."""
    best = status.incumbent
    if not status.reached or best is None:
        return ""
    by = f"{status.objective} {words.number(best.value)} by trial "
    by += words.called(best.number, words.name(best))
    if status.reached == TARGET:
        return f"target {words.number(status.goal.target)} reached: {by}"
    least = status.goal.min_improvement
    wanted = f" of {words.number(least)}" if least else ""
    return f"no improvement{wanted} in the last {status.goal.stop_after} trials: {by}"


def standing(study: Study, status: Status) -> list[RenderableType]:
    """Return a study's row of `studies_table`, and what has ended it before its budget did."""
    reached = goal(status)
    return ["", studies_table([(study, status)]), *([reached] if reached else [])]


def studies_table(rows: Sequence[tuple[Study, Status]]) -> Table:
    """Return a table with a row per study."""
    header = ("study", "complete", "pruned", "failed", "running", "left", "best", "by trial")
    return tables.table(header, [_study_row(*row) for row in rows], right=header[1:])


def _study_row(study: Study, status: Status) -> list[str]:
    best = status.incumbent
    return [
        study.name,
        *(str(status.counts[state]) for state in ("COMPLETE", "PRUNED", "FAIL")),
        str(len(status.held)),
        f"{status.left}, {status.reached}" if status.reached else _left(status),
        words.number(best.value if best else None),
        words.called(best.number, words.name(best)) if best else "–",
    ]


def _left(status: Status) -> str:
    if status.is_unlimited:
        return "0" if status.spent else "–"
    return str(status.left)


def of_limit(count: int, status: Status) -> str:
    """Return a number of trials, "of" that which ends the study, if one does."""
    return str(count) if status.is_unlimited else f"{count} of {status.limit}"


def running_table(status: Status) -> Table:
    """Return a table with a row per running trial."""
    header = ("worker", "trial", "epoch", status.objective, "best", "heartbeat")
    return tables.table(header, map(_running_row, status.running), right=header[1:])


def _running_row(running: Running) -> list[str]:
    return [
        running.worker if running.held else f"waiting for {words.awaited(running)}",
        words.called(running.number, running.name),
        str(running.epoch),
        words.number(running.value),
        words.number(running.best),
        f"{words.duration(running.silent_s)} ago",
    ]


def trials_table(
    trials: Sequence[TrialRecord],
    verdicts: Mapping[int, str],
    drawn: Callable[..., Table] = tables.table,
) -> Table:
    """Return a table with a row per trial: outcome, verdict, reason of failure, hyperparameters.

    Args:
        trials: the trials to show.
        verdicts: names of verdicts, by trial number.
        drawn: draws the rows: whole, or by `tables.cut` as a line each.
    """
    header = ("trial", "state", "value", "epoch", "verdict", "hyperparameters, or why it failed")
    rows = [_trial_row(trial, verdicts.get(trial.number)) for trial in trials]
    return drawn(header, rows, right=("trial", "value"))


def _trial_row(trial: TrialRecord, verdict: str | None) -> list[str]:
    chosen = " ".join(f"{name}={words.value(found)}" for name, found in trial.params.items())
    return [
        words.called(trial.number, words.name(trial)),
        words.state(trial),
        words.number(trial.value),
        _best_epoch(trial),
        verdict or "–",
        "; ".join(filter(None, (trial.attributes.get("reason"), chosen))),
    ]


def _best_epoch(trial: TrialRecord) -> str:
    """Return the best epoch; the epochs alone of a trial with several trainings, which has none."""
    if trial.best_epoch:
        return words.out_of(trial.best_epoch, trial.epochs).replace(" of ", "/")
    return str(trial.epochs) if "best_epochs" in trial.attributes else "–"


def trials_csv(trials: Sequence[TrialRecord], verdicts: Mapping[int, str], path: Path) -> None:
    """Write a CSV file with a row per trial and a column per hyperparameter.

    Args:
        trials: the trials to write.
        verdicts: names of verdicts, by trial number.
        path: the file.

    Raises:
        OSError: the file can't be written.
    """
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    private_files.create(path)
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        first = ["trial", "name", "state", "value", "best_epoch", "epochs", "verdict"]
        writer.writerow([*first, *names, "reason"])
        for trial in trials:
            known = [
                trial.number,
                words.name(trial),
                words.state(trial),
                trial.value,
                trial.best_epoch,
            ]
            known.append(trial.epochs)
            known.append(verdicts.get(trial.number))
            params = [trial.params.get(name) for name in names]
            writer.writerow([*known, *params, trial.attributes.get("reason")])


def finished_line(
    trial: TrialRecord, status: Status, finished: int, later: Sequence[TrialRecord] = ()
) -> str:
    """Return a line for logs on a finished trial.

    Args:
        trial: the trial.
        status: the study's status.
        finished: the number of finished trials, this one included.
        later: trials that ended after it and that the status counts already: if the best is one
            of them, it is told in its own line.
    """
    outcome = trial.attributes.get("reason") or _value(trial)
    best = status.incumbent
    is_known = best is not None and best.number not in {each.number for each in later}
    so_far = (
        f"; best {words.number(best.value)} by trial {best.number}" if best and is_known else ""
    )
    which = words.called(trial.number, words.name(trial))
    ended = f"trial {which} {words.state(trial)}{outcome and f': {outcome}'}"
    return f"{time.strftime('%H:%M:%S')} {ended}{so_far}; {of_limit(finished, status)}"


def _value(trial: TrialRecord) -> str:
    """Return a trial's value and the epoch at which it was reached; "" without a value."""
    if trial.value is None:
        return ""
    at = words.reached(trial.best_epoch, trial.epochs, trial.attributes.get("best_epochs"))
    return f"{words.number(trial.value)} {at}".rstrip()
