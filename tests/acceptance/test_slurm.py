"""Workers under a real SLURM on this machine: a time limit, a restart, scancel, an exact end."""

import os
import shutil
import socket
import subprocess
import time

import pytest

from tests.acceptance.test_service import free_port
from tests.acceptance.test_study import SLEEPY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
MpiDefault=none
KillWait=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def installed():
    """True if SLURM is there; it is installed from Debian's packages if it may be."""
    there = shutil.which("slurmctld") and shutil.which("munged")
    if there or os.getuid() != 0 or shutil.which("apt-get") is None:
        return bool(there)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]):
        subprocess.run(["apt-get", "-qq", *words], env=environment, check=True)
    return True


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A cluster of one node; the environment of its users."""
    if os.getuid() != 0 or not installed():
        pytest.skip("SLURM runs as root, from Debian's packages slurm-wlm and munge")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host, ports = socket.gethostname().partition(".")[0], [free_port(), free_port()]
    written = folder / "slurm.conf"
    written.write_text(
        CONFIGURATION.format(host=host, ports=ports, folder=folder, cpus=os.cpu_count())
    )
    environment = {**os.environ, "SLURM_CONF": str(written)}
    if subprocess.run(["pgrep", "-x", "munged"], capture_output=True).returncode != 0:
        subprocess.run(["install", "-d", "-o", "munge", "/run/munge"], check=True)
        subprocess.run(["su", "-s", "/bin/sh", "munge", "-c", "munged"], check=True)
    for daemon in ("slurmctld", "slurmd"):
        subprocess.run([daemon], env=environment, check=True)
    yield environment
    subprocess.run(["scancel", "--user=root"], env=environment)
    for daemon in ("slurmd", "slurmctld"):
        os.kill(int((folder / f"{daemon}.pid").read_text()), 15)


@pytest.fixture
def cluster(folder, slurm, postgres_url):
    """A user's folder on the cluster, with the database named in the environment."""
    folder.environment |= {"SLURM_CONF": slurm["SLURM_CONF"], "STUDYHALL_STORAGE": postgres_url}
    return folder


def asked(cluster, *words):
    """The output of one of SLURM's commands."""
    answer = subprocess.run(
        words, cwd=cluster.path, env=cluster.environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def state(cluster, task):
    """The state of a task, as `scontrol show job` says: such as RUNNING, PENDING, CANCELLED."""
    shown = asked(cluster, "scontrol", "show", "job", task, "--oneliner")
    return dict(word.partition("=")[::2] for word in shown.split())


def wait_for(cluster, condition, within_s=300):
    deadline = time.monotonic() + within_s
    while not condition():
        shown = asked(cluster, "squeue") + cluster.run("status", "slow")
        assert time.monotonic() < deadline, shown
        time.sleep(1)


def test_tasks_meet_their_time_limit_are_cancelled_and_the_study_ends_exact(cluster):
    cluster.write("mine.py", SLEEPY)
    cluster.study(
        study={"name": "slow", "trials": 2, "artifacts": str(cluster.path / "artifacts")},
        data={"source": "sklearn:digits", "samples": 150},
        model={"family": "mine.py:build"},
        training={"epochs": 150, "patience": "none"},
        space={"width": None, "learning_rate": None},
    )
    words = ["study.toml", "--workers", "2", "--cpus", "1", "--time", "2:00", "--grace", "90"]
    cluster.write("job.sh", cluster.run("slurm", *words))
    job = asked(cluster, "sbatch", "--parsable", "job.sh")
    tasks = [f"{job}_1", f"{job}_2"]

    def again():
        return all(state(cluster, task)["JobState"] == "PENDING" for task in tasks)

    wait_for(cluster, lambda: [t.epoch > 0 for t in running(cluster)] == [True, True])
    wait_for(cluster, again)  # ahead of the limit they have saved checkpoints
    handed_back = {one.number: one.epoch for one in running(cluster)}
    assert set(handed_back) == {0, 1} and min(handed_back.values()) > 0
    assert not [one for one in running(cluster) if one.held]
    for task in tasks:  # SLURM would let them wait for two minutes
        asked(cluster, "scontrol", "update", f"JobId={task}", "StartTime=now")
    wait_for(
        cluster,
        lambda: (
            {one.number for one in running(cluster) if one.held} == {0, 1}
            and all(one.epoch > handed_back[one.number] for one in running(cluster))
        ),
    )
    asked(cluster, "scancel", tasks[1])
    wait_for(cluster, lambda: state(cluster, tasks[1])["JobState"] == "CANCELLED")
    wait_for(cluster, lambda: len([one for one in running(cluster) if one.held]) <= 1, 60)

    def ended():
        now = state(cluster, tasks[0])["JobState"]
        if now == "PENDING":
            asked(cluster, "scontrol", "update", f"JobId={tasks[0]}", "StartTime=now")
        return now == "COMPLETED"

    wait_for(cluster, ended, 600)
    trials = cluster.trials("slow")
    assert [(trial.state, trial.epochs) for trial in trials] == [("COMPLETE", 150)] * 2
    assert [trial.repeated_epochs for trial in trials] == [0, 0]
    assert min(trial.attempt for trial in trials) >= 2
    assert {trial.worker.partition("@")[0] for trial in trials} == {f"slurm-{job}-1"}
    assert state(cluster, tasks[1])["JobState"] == "CANCELLED"
    assert "best of slow" in cluster.run("resume", "slow")


def running(cluster):
    """The running trials of the study."""
    found = cluster.status("slow")
    return [] if found is None else sorted(found.running, key=lambda one: one.number)
