"""The name of a worker process."""

import os
import socket

from studyhall.search.process import identity


def test_a_process_and_its_launcher_agree_on_its_name(monkeypatch):
    monkeypatch.setenv("STUDYHALL_WORKER", "worker-7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    me = identity.this_process()
    assert me.name == identity.name("worker-7", os.getpid())
    assert (me.host, me.pid, me.device) == (socket.gethostname(), os.getpid(), "cpu")


def test_one_started_by_hand_is_a_worker_too(monkeypatch):
    monkeypatch.delenv("STUDYHALL_WORKER", raising=False)
    assert identity.this_process().name.startswith("worker@")
