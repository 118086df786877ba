"""The messages of workers on a Ray cluster, by a store of keys and values in memory."""

import types

import pytest

from studyhall.search.launcher import ray_messages
from studyhall.search.launcher.ray_messages import Receiver, Sender

internal_kv = pytest.importorskip("ray.experimental.internal_kv")


class Node:
    """Ray, as a task or a launch sees it: the nodes, and the one where this runs."""

    def __init__(self):
        self.here, self.alive = "a", {"a", "b"}

    def nodes(self):
        return [{"NodeID": name, "Alive": name in self.alive} for name in "ab"]

    def get_runtime_context(self):
        return types.SimpleNamespace(get_node_id=lambda: self.here)


@pytest.fixture
def ray(monkeypatch):
    """Two nodes, with an empty store."""
    kept, node = {}, Node()

    def delete(key, del_by_prefix=False, namespace=None):
        for one in [*kept]:
            if one == key or (del_by_prefix and one.startswith(key.encode())):
                del kept[one]

    def put(key, value, namespace=None):
        kept[key.encode()] = value.encode()

    def listed(prefix, namespace=None):
        return [key for key in kept if key.startswith(prefix.encode())]

    monkeypatch.setattr(internal_kv, "_internal_kv_put", put)
    monkeypatch.setattr(internal_kv, "_internal_kv_get", lambda key, namespace=None: kept[key])
    monkeypatch.setattr(internal_kv, "_internal_kv_del", delete)
    monkeypatch.setattr(internal_kv, "_internal_kv_list", listed)
    monkeypatch.setattr("ray.get_runtime_context", node.get_runtime_context)
    monkeypatch.setattr(ray_messages.socket, "gethostname", lambda: f"node-{node.here}")
    monkeypatch.setattr(ray_messages, "SETTLED_S", 0.0)
    node.kept = kept
    return node


def test_a_remark_arrives_once_and_with_its_node(ray):
    receiver = Receiver(ray, ["ray-1"])
    sender = Sender(receiver.launch, "ray-1")
    sender.begin()
    sender.say("ray-1 crashed (SIGKILL); it restarts in 1 s")
    sender.say("  File mine.py, line 3")
    Sender("another launch", "ray-1").say("of no interest")
    assert receiver.lines() == [
        "node-a: ray-1 crashed (SIGKILL); it restarts in 1 s",
        "  File mine.py, line 3",
    ]
    assert receiver.lines() == [] and "  File mine.py, line 3" in receiver.shown


def test_workers_wait_until_they_have_a_node(ray):
    receiver = Receiver(ray, ["ray-1", "ray-2"])
    assert receiver.waiting() == "2 of 2 workers wait for nodes"
    Sender(receiver.launch, "ray-2").begin()
    assert receiver.lines() == [] and receiver.waiting() == "1 of 2 workers waits for nodes"
    receiver.ended("ray-2")
    assert receiver.waiting() == "1 of 1 worker waits for nodes"
    receiver.ended("ray-1")
    assert receiver.waiting() == ""


def test_a_lost_node_is_told_and_its_worker_waits_again(ray):
    receiver = Receiver(ray, ["ray-1", "ray-2"])
    for place, ray.here in (("ray-1", "a"), ("ray-2", "b")):
        Sender(receiver.launch, place).begin()
    assert receiver.lines() == [] and receiver.waiting() == ""
    ray.alive = {"a"}
    assert receiver.lines() == ["a node on node-b is lost; ray-2 starts on another one"]
    assert receiver.lines() == [] and receiver.waiting() == "1 of 2 workers waits for nodes"
    ray.here = "a"
    Sender(receiver.launch, "ray-2").begin()
    assert receiver.lines() == [] and receiver.waiting() == ""
    Sender(receiver.launch, "ray-2").begin()
    assert receiver.lines() == ["the task of ray-2 died; ray-2 has started again on node-a"]
    ray.here, ray.alive = "b", {"a", "b"}
    Sender(receiver.launch, "ray-2").begin()
    assert receiver.lines() == ["a node on node-a is lost; ray-2 has started again on node-b"]


def test_no_keys_are_left(ray):
    receiver = Receiver(ray, ["ray-1"])
    Sender(receiver.launch, "ray-1").say("a remark")
    Sender(receiver.launch, "ray-1").begin()
    receiver.close()
    assert ray.kept == {}
