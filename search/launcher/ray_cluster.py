"""A launch on a Ray cluster: its workers are tasks, which Ray places and starts again elsewhere.

Each task runs the same worker process as a launch on this machine, with the same care: restarts
after crashes, deaths for want of memory, signals passed on. Ray starts a task again on another node
when its node dies, and starts those that wait as nodes join.
"""

from __future__ import annotations

import importlib.util
import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from studyhall.search.display.live import View
from studyhall.search.launcher import launch, ray_task
from studyhall.search.launcher.watch import Watched
from studyhall.search.process import gpus
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.value_types import LOCAL
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study

SHIPPED_MIB = 100  # a larger file is not copied to the nodes
NOT_SHIPPED = ("*.db", "*.db-shm", "*.db-wal", ".git/", ".venv/", "__pycache__/")
LEAVE_S = 10.0  # within which workers leave once the study is over
REACH_S = 10.0  # within which a cluster must answer
CANCELLED = 130  # the code of a task that was cancelled before its worker had begun


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster and the workers that are wanted on it.

    Attributes:
        address: Ray's address of it: "auto", "ray://host:port" or "host:port".
        workers: the number of workers; None for one on each GPU, or one if there is none.
        gpus: GPUs of each worker, or a share of one; None for 1 where there are any.
    """

    address: str
    workers: int | None
    gpus: float | None


def chosen(
    on: str, count: int | str, gpus_per_worker: float | None, url: str, name: str
) -> Cluster | None:
    """Return the cluster that the user has chosen; None to work on this machine.

    Args:
        on: ``[workers] on``.
        count: ``[workers] count``.
        gpus_per_worker: GPUs of each worker; None if the user has not said.
        url: the database's URL.
        name: where these stand, for messages.

    Raises:
        ConfigError: the database works on one machine only, or the cluster lets anybody in.
    """
    if on == LOCAL:
        return None
    problems = []
    if mistake := urls.only_here(url):
        problems.append(f"{name}: [workers] on: {mistake}")
    if os.environ.get("RAY_AUTH_MODE") != "token":
        problems.append(
            f"{name}: [workers] on: received a Ray cluster on which anybody may run code, expected"
            " one with a token: set RAY_AUTH_MODE=token here and where its nodes are started, and"
            " give all of them the token that `ray get-auth-token --generate` makes"
        )
    if gpus_per_worker is not None and gpus_per_worker > 1 and gpus_per_worker % 1:
        expected = "a share of one, or a whole number"
        problems.append(
            f"command line: --gpus-per-worker: received {gpus_per_worker:g}, expected {expected}"
        )
    if problems:
        raise ConfigError(problems)
    address = "auto" if on == "ray" else on
    return Cluster(address, None if count == "auto" else int(count), gpus_per_worker)


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
        tasks = _start(ray, cluster, study.name, url)
        with launch.interruptions() as signals, view:
            codes = _watch(ray, tasks, Watched(db, study, view), view, signals)
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


def check(cluster: Cluster) -> None:
    """Check that Ray is installed and something listens at the address, before anything is written.

    Ray itself would try for minutes.

    Raises:
        ConfigError: one of both is not so.
    """
    if importlib.util.find_spec("ray") is None:
        received = "received a Ray cluster, but Ray is not installed here"
        expected = "pip install 'studyhall[ray]'"
        raise ConfigError([f"[workers] on: {received}, expected {expected}"])
    address = cluster.address
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        received = f'received "{address}", which does not answer ({error})'
        raise ConfigError([f"[workers] on: {received}, expected a Ray cluster"]) from error


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


def _start(ray: Any, cluster: Cluster, name: str, url: str) -> list[Any]:
    """Start a task for each worker; those that find no room wait for nodes."""
    there = float(ray.cluster_resources().get("GPU", 0))
    share = cluster.gpus if cluster.gpus is not None else float(there > 0)
    count = cluster.workers or max(1, math.floor(there / share) if share else 1)
    # Ray starts a task again when its node or its process dies, and never after an exception.
    remote = ray.remote(max_retries=-1, num_cpus=1, num_gpus=share)(ray_task.run)
    names = [f"ray-{number}" for number in range(1, count + 1)]
    return [
        remote.options(name=f"studyhall {name} {place}").remote(name, url, place, share)
        for place in names
    ]


def _watch(
    ray: Any, tasks: list[Any], watched: Watched, view: View, signals: list[int]
) -> list[int]:
    """Show the study until every task has ended, passing each signal on; return their codes."""
    waiting, codes, passed_on = tasks, list[int](), 0
    leave_at: float | None = None  # once the study is over
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=launch.POLL_S)
        codes += [_ended(ray, each, view) for each in done]
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


def _ended(ray: Any, one: Any, view: View) -> int:
    """Return the code of a task that has ended; show what the user must know of its end."""
    try:
        code, lines = ray.get(one)
    except (ray.exceptions.TaskCancelledError, ray.exceptions.WorkerCrashedError):
        return CANCELLED  # the latter by a second signal
    for line in lines if code != CANCELLED else ():
        view.say(line)
    return int(code)
