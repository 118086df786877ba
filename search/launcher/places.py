"""The places of a launch: the number of workers, and the device, environment and log of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import cycle, islice, zip_longest
from typing import Any

from studyhall.search.launcher.place import Place
from studyhall.search.process import gpus, identity, threads
from studyhall.search.process.device import Device
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.study import record
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.studies.rows import Study

DIGITS = 20  # numbers of as many digits or more are not parsed

Given = dict[str, Any]  # keys of [workers] that the command line gives


def given(workers: str | None, gpus: str | None, per_gpu: int | None) -> Given:
    """Return the command line's worker options as keys of ``[workers]``."""
    count: Any = workers if workers is None else _number(workers)
    if count is None and per_gpu is not None:  # --workers-per-gpu overrides the file's count
        count = "auto"
    chosen = gpus if gpus is None or gpus in ("all", "none") else _listed(gpus)
    keys = {"count": count, "gpus": chosen, "per_gpu": per_gpu}
    return {key: value for key, value in keys.items() if value is not None}


def devices(file: StudyFile, given: Given, name: str) -> list[Device]:
    """Return a device for each worker; GPUs are assigned in turns.

    Args:
        file: the study file.
        given: keys of ``[workers]`` from the command line, which override the file's.
        name: the file's name, for messages.

    Raises:
        ConfigError: there is no such GPU, or too many workers would share it.
    """
    wanted = config.overridden(file, {"workers": given}).workers
    where = "command line" if "gpus" in given else name
    found: list[str | None] = [*gpus.choose(wanted.gpus, f"{where}: [workers] gpus")]
    count = len(found) * wanted.per_gpu or 1 if wanted.count == "auto" else wanted.count
    chosen = [*islice(cycle(found or [None]), count)]
    shared = Counter(chosen)
    made = [Device(gpu, shared[gpu]) for gpu in chosen]
    for device in made:
        device.environment()  # raises if it can't be shared, before the study is created
    return made


def places(
    study: Study, devices: list[Device], url: str, early: Iterable[WorkerProcess] = ()
) -> list[Place]:
    """Return a place per worker, with its device, its share of the CPU threads and its log.

    Args:
        early: workers that have already been started for these places.
    """
    logs = record.objects(study).root / "logs"
    logs.mkdir(exist_ok=True)
    return [
        Place(name, environment, logs / f"{name}.log", standby=process)
        for (name, environment), process in zip_longest(environments(devices, url).items(), early)
    ]


def environments(devices: list[Device], url: str) -> dict[str, dict[str, str]]:
    """Return the environment variables of each place's processes, by the place's name."""
    shared = {"STUDYHALL_STORAGE": url, **threads.environment(len(devices))}
    names = [f"worker-{index}" for index in range(1, len(devices) + 1)]
    return {
        name: {**shared, **device.environment(), identity.PLACE: name}
        for name, device in zip(names, devices, strict=True)
    }


def _listed(numbers: str) -> list[int | str]:
    words = [word.strip() for word in numbers.split(",") if word.strip()]
    return [_number(word) for word in words]


def _number(word: str) -> int | str:
    """Return an integer if the word is one and short; int() refuses thousands of digits."""
    return int(word) if word.isdecimal() and len(word) < DIGITS else word
