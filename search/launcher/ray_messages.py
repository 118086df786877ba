"""The messages of workers on a Ray cluster to their launch: where they run, and their remarks.

They travel by the key-value store of the cluster's head, which a task reaches from every node.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from studyhall.spaces import spelling

SPACE = "studyhall"  # the keys' namespace
SETTLED_S = 5.0  # a task that was given a node needs a moment to start


@dataclass(frozen=True)
class Sender:
    """The sender of one worker's messages, which runs in its task.

    Args:
        launch: the launch's identifier.
        place: the worker's name among those of the launch.
    """

    launch: str
    place: str

    def begin(self) -> None:
        """Send the node on which the task has started."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        self._put(f"{self.launch}/node/{self.place}", [node, socket.gethostname()])

    def say(self, line: str) -> None:
        """Send a remark."""
        self._put(f"{self.launch}/remark/{time.time():.6f} {self.place}", [self.place, line])

    def _put(self, key: str, value: list[str]) -> None:
        from ray.experimental import internal_kv

        with suppress(Exception):  # whatever Ray raises: the worker is more important
            internal_kv._internal_kv_put(key, json.dumps(value), namespace=SPACE)


class Receiver:
    """The receiver of the messages of a launch's workers.

    Args:
        ray: the module, connected to the cluster.
        places: the names of the workers.

    Attributes:
        launch: the launch's identifier.
        shown: the remarks received so far.
    """

    def __init__(self, ray: Any, places: Sequence[str]) -> None:
        from ray import exceptions
        from ray.experimental import internal_kv

        self._away = (exceptions.RayError, ConnectionError)  # the head can't be reached
        self.launch = uuid.uuid4().hex
        self.shown: set[str] = set()
        self._ray, self._kv, self._left = ray, internal_kv, {*places}
        self._nodes: dict[str, list[str]] = {}  # identifier and name, by place
        self._waiting: set[str] = set()
        self._waiting_since = time.monotonic()

    def ended(self, place: str) -> None:
        """Forget a worker whose task has ended."""
        self._left.discard(place)

    def lines(self) -> list[str]:
        """Return what has happened since the last call: lost nodes, new starts, remarks."""
        lines: list[str] = []
        with suppress(*self._away):  # the launch goes on without
            for news in (self._lost, self._begun, self._remarks):
                lines.extend(news())
        return lines

    def waiting(self) -> str:
        """Return how many workers wait for room on the cluster, for the user; "" if none."""
        waiting = self._left - {*self._nodes}
        if waiting != self._waiting:
            self._waiting, self._waiting_since = waiting, time.monotonic()
        if not waiting or time.monotonic() < self._waiting_since + SETTLED_S:
            return ""
        verb = "waits" if len(waiting) == 1 else "wait"
        return f"{len(waiting)} of {spelling.counted(len(self._left), 'worker')} {verb} for nodes"

    def close(self) -> None:
        """Leave no keys behind."""
        with suppress(*self._away):
            self._kv._internal_kv_del(f"{self.launch}/", del_by_prefix=True, namespace=SPACE)

    def _lost(self) -> Iterator[str]:
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        for place in sorted(self._left & {*self._nodes}):
            node, name = self._nodes[place]
            if node not in alive:
                del self._nodes[place]
                yield f"{_loss(name)}; {place} starts on another one"

    def _begun(self) -> Iterator[str]:
        for place, (node, name) in self._taken("node"):
            before, self._nodes[place] = self._nodes.get(place), [node, name]
            if before is not None:  # Ray may start it again before it lists the node as dead
                why = f"the task of {place} died" if before[0] == node else _loss(before[1])
                yield f"{why}; {place} has started again on {name}"

    def _remarks(self) -> Iterator[str]:
        for _, (place, line) in self._taken("remark"):
            self.shown.add(line)
            on = self._nodes.get(place)
            yield f"{on[1]}: {line}" if on and place in line else line

    def _taken(self, kind: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the messages of a kind, with the ends of their keys, and delete them."""
        prefix = f"{self.launch}/{kind}/"
        for key in sorted(self._kv._internal_kv_list(prefix, namespace=SPACE)):
            value = self._kv._internal_kv_get(key, namespace=SPACE)
            self._kv._internal_kv_del(key, namespace=SPACE)
            yield key.decode().removeprefix(prefix), json.loads(value)


def _loss(host: str) -> str:
    """Return the news that a node is lost; several may run on one host."""
    return f"a node on {host} is lost"
