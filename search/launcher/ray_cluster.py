"""A launch on a Ray cluster: its workers are tasks, which Ray places and starts again elsewhere.

Each task runs the same worker process as a launch on this machine, with the same care: restarts
after crashes, deaths for want of memory, signals passed on. Ray starts a task again on another node
when its node dies, and starts those that wait as nodes join.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from studyhall.search.display.live import View
from studyhall.search.launcher import launch, ray_task
from studyhall.search.launcher.ray_choice import Cluster
from studyhall.search.launcher.ray_messages import Receiver, Sender
from studyhall.search.launcher.watch import Watched
from studyhall.search.process import gpus
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study

SHIPPED_MIB = 100  # a larger file is not copied to the nodes
NOT_SHIPPED = ("*.db", "*.db-shm", "*.db-wal", ".git/", ".venv/", "__pycache__/")
LEAVE_S = 10.0  # within which workers leave once the study is over
CANCELLED = 130  # the code of a task that was cancelled before its worker had begun


def run(db: Database, study: Study, cluster: Cluster, view: View, url: str) -> int:
    """Run workers on a cluster until the study's budget is spent or a signal arrives.

    Args:
        db: the database of the study.
        study: the study.
        cluster: the cluster and the workers wanted.
        view: shows the progress.
        url: the database URL for the workers.

    Returns:
        The exit code, as for `launch.launch`.

    Raises:
        ConfigError: the cluster can't be reached.
    """
    if status.status(db, study).spent:
        return 0
    with _connected(cluster, record.stored(study)) as ray:
        places, share = _wanted(ray, cluster)
        with closing(Receiver(ray, places)) as receiver, launch.interruptions() as signals, view:
            senders = [Sender(receiver.launch, place) for place in places]
            tasks = _start(ray, study.name, url, senders, share)
            codes = _watch(ray, tasks, Watched(db, study, view), receiver, view, signals)
    if signals:
        return 128 + signals[0]
    spent = status.status(db, study).spent
    return max(0 if spent and code == CANCELLED else code for code in codes)


@contextmanager
def _connected(cluster: Cluster, stored: record.Stored) -> Iterator[Any]:
    """Connect to the cluster in a `with` block; copy the study file's folder to its nodes.

    Raises:
        ConfigError: the cluster can't be reached.
    """
    import ray

    shipped = {"working_dir": str(stored.folder), "excludes": not_shipped(stored)}
    try:
        ray.init(cluster.address, runtime_env=shipped, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError([f"[workers] on: received {cluster.address!r}: {reason}"]) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def not_shipped(stored: record.Stored) -> list[str]:
    """Return what Ray is not to copy from the study file's folder, in gitignore's notation."""
    large = [
        f"/{path.relative_to(stored.folder)}"
        for path in stored.folder.rglob("*")
        if path.is_file() and path.stat().st_size > SHIPPED_MIB * gpus.MIB
    ]
    own = stored.artifacts
    inside = own.is_relative_to(stored.folder) and own != stored.folder
    kept = [f"/{own.relative_to(stored.folder).parts[0]}/"] if inside else []
    return [*NOT_SHIPPED, f"{bucket.FOLDER}/", *kept, *large]


def _wanted(ray: Any, cluster: Cluster) -> tuple[list[str], float]:
    """Return the names of the workers, and the GPUs of each."""
    there = float(ray.cluster_resources().get("GPU", 0))
    share = cluster.gpus if cluster.gpus is not None else float(there > 0)
    count = cluster.workers or max(1, math.floor(there / share) if share else 1)
    return [f"ray-{number}" for number in range(1, count + 1)], share


def _start(
    ray: Any, name: str, url: str, senders: Sequence[Sender], share: float
) -> dict[Any, str]:
    """Start a task for each worker; those that find no room wait for nodes.

    Returns:
        The worker's name by its task.
    """
    # Ray starts a task again when its node or its process dies, and never after an exception.
    remote = ray.remote(max_retries=-1, num_cpus=1, num_gpus=share)(ray_task.run)
    return {
        remote.options(name=f"studyhall {name} {one.place}").remote(
            name, url, one, share
        ): one.place
        for one in senders
    }


def _watch(
    ray: Any,
    tasks: dict[Any, str],
    watched: Watched,
    receiver: Receiver,
    view: View,
    signals: list[int],
) -> list[int]:
    """Show the study until every task has ended, passing each signal on; return their codes."""
    waiting, codes, passed_on = [*tasks], list[int](), 0
    leave_at: float | None = None  # once the study is over
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=launch.POLL_S)
        _show(receiver, view, remarks=not passed_on)
        for each in done:
            receiver.ended(tasks[each])
            codes.append(_ended(ray, each, receiver, view))
        watched.look()
        if len(signals) > passed_on:
            passed_on += 1
            view.say(launch.promise(passed_on))
            for each in waiting:  # the first is a KeyboardInterrupt in the task's process
                ray.cancel(each, force=passed_on > 1)
        if leave_at is None and watched.over:
            leave_at = time.monotonic() + LEAVE_S
        if leave_at is not None and time.monotonic() > leave_at:
            leave_at = math.inf  # a second KeyboardInterrupt would be an order to leave at once
            for each in waiting:  # those that have found no room
                ray.cancel(each)
    return codes


def _show(receiver: Receiver, view: View, *, remarks: bool) -> None:
    """Show what the workers have sent; no remarks once they have been told to leave."""
    lines = receiver.lines()
    for line in lines if remarks else ():
        view.say(line)
    view.note(receiver.waiting())


def _ended(ray: Any, one: Any, receiver: Receiver, view: View) -> int:
    """Return the code of a task that has ended; show what the user must know of its end."""
    try:
        code, lines = ray.get(one)
    except (ray.exceptions.TaskCancelledError, ray.exceptions.WorkerCrashedError):
        return CANCELLED  # the latter by a second signal
    for line in lines if code != CANCELLED else ():
        if line not in receiver.shown:
            view.say(line)
    return int(code)
