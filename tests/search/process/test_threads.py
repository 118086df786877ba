"""A worker's share of the processor, as the backends take it."""

import os

import pytest

from studyhall.search.process import threads


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 4),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("900000 100000", 4),
        (None, 4),
    ],
)
def test_cores_are_those_that_may_be_used(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert threads.cores(tmp_path / "cpu.max") == expected


def test_workers_share_them(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    shares = [threads.environment(workers)["TF_NUM_INTRAOP_THREADS"] for workers in (1, 3, 8, 20)]
    assert shares == ["8", "2", "1", "1"]


def test_each_backend_is_told_by_its_own_variable(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert threads.environment(2) == {"TF_NUM_INTRAOP_THREADS": "4", "NPROC": "4"}
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert threads.environment(2)["OMP_NUM_THREADS"] == "4"
