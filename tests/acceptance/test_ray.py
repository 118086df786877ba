"""Workers on a real Ray cluster of this machine: nodes that die and join, kills, Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.acceptance.test_study import SLEEPY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# A head and its nodes, in a process of their own: one processor each. A line on stdin adds a node
# or kills the one that was added first.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(
    initialize_head=True,
    head_node_args={
        "num_cpus": 1, "include_dashboard": False, "ray_client_server_port": int(sys.argv[1])
    },
)
nodes = [cluster.add_node(num_cpus=1)]
print(cluster.address, flush=True)
for line in sys.stdin:
    if line == "add\\n":
        nodes.append(cluster.add_node(num_cpus=1))
    else:
        cluster.remove_node(nodes.pop(0), allow_graceful=False)
    print("done", flush=True)
cluster.shutdown()
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def cluster():
    """A cluster of two nodes, with a token; `order` adds a node or kills one."""
    pytest.importorskip("ray")
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123abcd" * 4}
    pipe, port = subprocess.PIPE, free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, str(port)],
        env=environment, stdin=pipe, stdout=pipe, text=True,
    )  # fmt: skip
    process.environment = {name: environment[name] for name in environment if "RAY" in name}
    process.address, process.client = process.stdout.readline().strip(), f"ray://127.0.0.1:{port}"

    def order(what):
        process.stdin.write(f"{what}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    process.order = order
    yield process
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def user(folder, cluster, postgres_url):
    """A user's folder, from which the cluster and a database are reached."""
    folder.environment |= {**cluster.environment, "STUDYHALL_STORAGE": postgres_url}
    folder.write("mine.py", SLEEPY)
    folder.study(
        study={"name": "slow", "trials": 5},
        data={"source": "sklearn:digits", "samples": 150},
        model={"family": "mine.py:build"},
        training={"epochs": 60, "patience": "none", "checkpoint_every_s": 0.0},
        space={"width": None, "learning_rate": None},
        workers={"count": 3, "on": cluster.address, "heartbeat": 2.0, "silence": 10.0},
    )
    return folder


def running(user, study="slow"):
    """The trials that a worker holds, beyond their third epoch."""
    found = user.status(study)
    return [one for one in found.running if one.held and one.epoch > 3] if found else []


def test_nodes_die_and_join_workers_are_killed_and_the_study_ends_exact(user, cluster, wait_for):
    launch = user.start("launch", "study.toml")
    try:
        wait_for(lambda: len(running(user)) == 2, launch)  # the third has found no room
        cluster.order("add")
        wait_for(lambda: len(running(user)) == 3, launch)
        names = {one.worker.partition("@")[0] for one in running(user)}
        assert names == {"ray-1", "ray-2", "ray-3"}
        killed = running(user)[0]
        os.kill(int(killed.worker.rpartition(":")[2]), signal.SIGKILL)

        def goes_on():
            return (killed.number, 2) in {(one.number, one.attempt) for one in running(user)}

        wait_for(lambda: len(running(user)) == 3 and goes_on(), launch)
        cluster.order("kill")
        cluster.order("add")
        printed = launch.communicate(timeout=600)[0]
    finally:
        launch.kill()
    assert launch.returncode == 0 and "best of slow" in printed, printed
    told = (
        "1 of 3 workers waits for nodes",
        "crashed (SIGKILL); it restarts in 1 s",
        "is lost; ray-",
    )
    places = [printed.find(words) for words in (*told, "best of slow")]
    assert -1 not in places and places == sorted(places), printed  # each while it happened
    trials = user.trials("slow")
    assert [trial.number for trial in trials] == [*range(5)]
    assert {(trial.state, trial.epochs) for trial in trials} == {("COMPLETE", 60)}
    assert sum(trial.attempt - 1 for trial in trials) >= 2  # of the killed, and of the dead node
    assert max(trial.repeated_epochs for trial in trials) <= 3


@pytest.mark.parametrize("by", ["address", "client"])
def test_an_interrupted_launch_hands_its_trials_back(user, cluster, wait_for, by):
    on = getattr(cluster, by)
    launch = user.start("launch", "study.toml", "--workers", "2", "--on", on)
    try:
        wait_for(lambda: len(running(user)) == 2, launch)
        launch.send_signal(signal.SIGINT)
        printed = launch.communicate(timeout=120)[0]
    finally:
        launch.kill()
    assert launch.returncode == 130 and "studyhall resume slow" in printed, printed
    found = user.status("slow")
    assert len(found.running) == 2 and not found.held
    artifacts = user.path / "studyhall-artifacts" / "slow"
    assert len([*artifacts.glob("checkpoint-*")]) == 2


def test_two_studies_share_a_cluster_by_their_numbers_of_workers(user, cluster, wait_for):
    """Of three processors one has two, the other one, at the same time, and both end exact."""
    cluster.order("add")
    for name in ("one", "other"):
        user.study(
            f"{name}.toml",
            study={"name": name, "trials": 4},
            data={"source": "sklearn:digits", "samples": 150},
            model={"family": "mine.py:build"},
            training={"epochs": 40, "patience": "none"},
            space={"width": None, "learning_rate": None},
            workers={"count": 2 if name == "one" else 1, "on": cluster.address},
        )
    launches = [user.start("launch", f"{name}.toml") for name in ("one", "other")]
    try:
        wait_for(
            lambda: (len(running(user, "one")), len(running(user, "other"))) == (2, 1), launches[0]
        )
        printed = [launch.communicate(timeout=300)[0] for launch in launches]
    finally:
        for launch in launches:
            launch.kill()
    for launch, name, said in zip(launches, ("one", "other"), printed, strict=True):
        assert launch.returncode == 0 and f"best of {name}" in said, said
        assert [trial.state for trial in user.trials(name)] == ["COMPLETE"] * 4
