"""The places of a launch: how many worker processes, each on which device, with which log."""

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

DIGITS = 20  # of a number that may be meant

Given = dict[str, Any]  # keys of [workers] that the command line gives


def given(workers: str | None, gpus: str | None, per_gpu: int | None) -> Given:
    """What a command line says of the workers, as keys of ``[workers]``."""
    count: Any = workers if workers is None else _number(workers)
    if count is None and per_gpu is not None:  # the number asked for holds, not the file's count
        count = "auto"
    chosen = gpus if gpus is None or gpus in ("all", "none") else _listed(gpus)
    keys = {"count": count, "gpus": chosen, "per_gpu": per_gpu}
    return {key: value for key, value in keys.items() if value is not None}


def devices(file: StudyFile, given: Given, name: str) -> list[Device]:
    """A device for each worker, in turns.

    Args:
        file: the study's.
        given: what the command line says, which goes before it.
        name: of the file, for messages.

    Raises:
        ConfigError: such a GPU is not there, or too many workers would share it.
    """
    wanted = config.overridden(file, {"workers": given}).workers
    where = "command line" if "gpus" in given else name
    found: list[str | None] = [*gpus.choose(wanted.gpus, f"{where}: [workers] gpus")]
    count = len(found) * wanted.per_gpu or 1 if wanted.count == "auto" else wanted.count
    chosen = [*islice(cycle(found or [None]), count)]
    shared = Counter(chosen)
    made = [Device(gpu, shared[gpu]) for gpu in chosen]
    for device in made:
        device.environment()  # or the study would be made for workers that can't be started
    return made


def places(
    study: Study, devices: list[Device], url: str, early: Iterable[WorkerProcess] = ()
) -> list[Place]:
    """A place per worker: its device, its share of the processor's threads, its log.

    Args:
        early: the workers that have been started for them.
    """
    logs = record.objects(study).root / "logs"
    logs.mkdir(exist_ok=True)
    return [
        Place(name, environment, logs / f"{name}.log", standby=process)
        for (name, environment), process in zip_longest(environments(devices, url).items(), early)
    ]


def environments(devices: list[Device], url: str) -> dict[str, dict[str, str]]:
    """What each place's processes are told, by the place's name."""
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
    """A number where the word is one; Python reads no decimal of thousands of digits."""
    return int(word) if word.isdecimal() and len(word) < DIGITS else word
