"""What is said before a Ray cluster is used; tests/acceptance/test_ray.py uses one."""

import socket

import pytest

from studyhall.search.launcher import ray_cluster
from studyhall.search.launcher.ray_cluster import Cluster
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError

SERVER = "postgresql://ann@db.example.org/studies"


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")


def test_this_machine_is_no_cluster(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert ray_cluster.chosen("local", 4, None, "sqlite:///a.db", "study.toml") is None


@pytest.mark.usefixtures("token")
def test_what_is_chosen():
    chosen = [
        ray_cluster.chosen(on, count, share, SERVER, "study.toml")
        for on, count, share in (("ray", "auto", None), ("ray://head:10001", 32, 0.5))
    ]
    assert chosen == [Cluster("auto", None, None), Cluster("ray://head:10001", 32, 0.5)]


def test_every_mistake_is_told_at_once(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ConfigError) as refused:
        ray_cluster.chosen("ray", 2, 1.5, "sqlite:///a.db", "study.toml")
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
            ray_cluster.check(Cluster(address, 1, None))


def test_large_files_and_those_of_ours_are_not_shipped(studio):
    study = studio.study()
    stored = record.stored(study)
    large = stored.folder / "data" / "large.npy"
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(ray_cluster.SHIPPED_MIB * 2**20 + 1)
    (stored.folder / "data" / "small.npy").write_bytes(b"small")
    left_out = ray_cluster.not_shipped(stored)
    assert "/data/large.npy" in left_out and "/data/small.npy" not in left_out
    assert {"*.db", ".venv/"} <= {*left_out}
    own = stored.artifacts.relative_to(stored.folder).parts[0]
    assert f"/{own}/" in left_out
