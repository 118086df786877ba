"""The checks before a Ray cluster is used; tests/acceptance/test_ray.py uses one."""

import socket

import pytest

from studyhall.search.launcher import ray_choice
from studyhall.search.launcher.ray_choice import Cluster
from studyhall.search.study_file.config_error import ConfigError

SERVER = "postgresql://ann@db.example.org/studies"


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")


def test_this_machine_is_no_cluster(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert ray_choice.chosen("local", 4, None, "sqlite:///a.db", "study.toml") is None


@pytest.mark.usefixtures("token")
def test_what_is_chosen():
    chosen = [
        ray_choice.chosen(on, count, share, SERVER, "study.toml")
        for on, count, share in (("ray", "auto", None), ("ray://head:10001", 32, 0.5))
    ]
    assert chosen == [Cluster("auto", None, None), Cluster("ray://head:10001", 32, 0.5)]


def test_every_mistake_is_told_at_once(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ConfigError) as refused:
        ray_choice.chosen("ray", 2, 1.5, "sqlite:///a.db", "study.toml")
    database, token, share = refused.value.problems
    assert database.startswith("study.toml: [workers] on: received the database sqlite:///a.db")
    assert "RAY_AUTH_MODE=token" in token and "ray get-auth-token --generate" in token
    assert share == (
        "command line: --gpus-per-worker: received 1.5, expected a share of one, or a whole number"
    )


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_cluster_that_does_not_answer_is_told_at_once(form):
    with socket.socket() as found:  # a port that nobody listens on
        found.bind(("127.0.0.1", 0))
        address = form.format(found.getsockname()[1])
        with pytest.raises(ConfigError, match=rf'received "{address}", which does not answer'):
            ray_choice.check(Cluster(address, 1, None))
