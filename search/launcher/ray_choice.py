"""The choice of a Ray cluster for a launch, checked before anything is written."""

from __future__ import annotations

import importlib.util
import os
import socket
from dataclasses import dataclass

from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.value_types import LOCAL
from studyhall.storage.database import urls

REACH_S = 10.0  # within which a cluster must answer


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
