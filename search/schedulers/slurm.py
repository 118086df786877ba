"""The job array of SLURM that runs a study's workers, one in each task."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from studyhall.search.process import wire
from studyhall.search.schedulers import job
from studyhall.search.schedulers.job import Job
from studyhall.search.study_file.config_error import ConfigError

# minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]; see sbatch(1).
TIME = re.compile(r"(?:(?P<days>\d{1,4})-)?(?P<parts>\d{1,5}(?::\d{1,2}){0,2})")
RESTARTS = 7  # of a worker that crashed, after 1, 2, 4 … seconds


def script(
    work: Job, url: str, *, time: str, partition: str | None = None, options: Sequence[str] = ()
) -> str:
    """Return the text of a batch script for `sbatch`.

    Args:
        work: the study and what each worker needs.
        url: the database's URL; written into the script unless it holds a password.
        time: the time limit of a task, as sbatch reads it: "4:00:00".
        partition: SLURM's partition; None for the default one.
        options: further options of sbatch, such as "--account=physics".

    Raises:
        ConfigError: an option that SLURM would refuse or read otherwise; all mistakes at once.
    """
    if problems := [*_problems(work, time, partition, options)]:
        raise ConfigError(problems)
    file = job.url_file(url)
    return job.rendered(
        "slurm.sh",
        work,
        time=time,
        partition=partition,
        options=options,
        command=shlex.join([*wire.command(), *work.arguments]),
        folder=shlex.quote(work.folder),
        given_file=None if file is None else shlex.quote(str(file)),
        url=None if (given := job.open_url(url)) is None else shlex.quote(given),
        restarts=RESTARTS,
    )


def seconds(time: str) -> int | None:
    """Return a time limit in seconds; None if sbatch could not read it.

    Examples:
        >>> seconds("4:00:00"), seconds("90"), seconds("1-12"), seconds("soon")
        (14400, 5400, 129600, None)
    """
    found = TIME.fullmatch(time)
    if found is None:
        return None
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"] is not None:
        days, hours, minutes, rest = int(found["days"]), *parts, *[0] * (3 - len(parts))
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    if len(parts) < 3:  # minutes, with or without seconds
        parts = [0, *parts, *[0] * (2 - len(parts))]
    hours, minutes, rest = parts
    return (hours * 60 + minutes) * 60 + rest


def _problems(work: Job, time: str, partition: str | None, options: Sequence[str]) -> list[str]:
    limit_s = seconds(time)
    problems = []
    if limit_s is None:
        problems.append(f"--time: received {time!r}, expected 4:00:00, 90 (minutes) or 1-12:00:00")
    elif limit_s <= work.needs.grace_s:
        expected = f"more than --grace, {work.needs.grace_s} s"
        problems.append(f"--time: received {time!r}, which is {limit_s} s, expected {expected}")
    if partition is not None and not re.fullmatch(r"[\w.,-]+", partition):
        problems.append(f"--partition: received {partition!r}, expected a partition's name")
    if work.needs.memory is not None and not re.fullmatch(r"\d+[KMGT]?", work.needs.memory):
        problems.append(f"--memory: received {work.needs.memory!r}, expected a size such as 16G")
    for option in options:
        if not re.fullmatch(r"-[^\n\r]+", option):
            expected = "an option of sbatch, such as --account=physics"
            problems.append(f"--sbatch: received {option!r}, expected {expected}")
    if not Path(work.folder).is_absolute():
        problems.append(f"--folder: received {work.folder!r}, expected an absolute path")
    return [f"slurm: {line}" for line in problems]
