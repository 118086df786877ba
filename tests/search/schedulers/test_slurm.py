"""The batch script of SLURM, as bash reads it and as bash runs it."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.schedulers import slurm
from studyhall.search.study_file.config_error import ConfigError

URL = "postgresql://ann@db.example.org/studies"


def directives(text):
    """The options of sbatch in a script, as sbatch reads them."""
    lines = [line.removeprefix("#SBATCH ") for line in text.splitlines() if "#SBATCH" in line]
    return dict(line.removeprefix("--").partition("=")[::2] for line in lines)


def test_what_sbatch_is_asked_for(make_job):
    text = slurm.script(
        make_job(), URL, time="4:00:00", partition="gpu", options=["--account=physics"]
    )
    assert text.startswith("#!/bin/bash\n")
    assert directives(text) == {
        "job-name": "studyhall-digits", "array": "1-64", "ntasks": "1", "cpus-per-task": "4",
        "gres": "gpu:1", "mem": "16G", "partition": "gpu", "time": "4:00:00",
        "signal": "B:TERM@120", "requeue": "", "open-mode": "append",
        "output": "studyhall-digits-%A_%a.log", "account": "physics",
    }  # fmt: skip
    bare = directives(slurm.script(make_job(gpus=0, memory=None), URL, time="90"))
    assert not {"gres", "mem", "partition", "account"} & set(bare)


def test_the_database_is_named_but_no_password(make_job, monkeypatch, tmp_path):
    monkeypatch.delenv("STUDYHALL_STORAGE_FILE", raising=False)
    assert f"export STUDYHALL_STORAGE={URL}\n" in slurm.script(make_job(), URL, time="90")
    for secret in (URL.replace("ann@", "ann:sesame@"), f"{URL}?password=sesame"):
        text = slurm.script(make_job(), secret, time="90")
        assert "sesame" not in text and "before you run sbatch" in text
        (tmp_path / "url").write_text(f"{secret}\n")
        monkeypatch.setenv("STUDYHALL_STORAGE_FILE", str(tmp_path / "url"))
        text = slurm.script(make_job(), secret, time="90")
        assert f"export STUDYHALL_STORAGE_FILE={tmp_path}/url\n" in text and "sesame" not in text
        assert "STUDYHALL_STORAGE_FILE=" not in slurm.script(make_job(), URL, time="90")
        monkeypatch.delenv("STUDYHALL_STORAGE_FILE")


def test_every_mistake_is_told_at_once(make_job):
    job = make_job(memory="much", folder="here")
    with pytest.raises(ConfigError) as refused:
        slurm.script(job, URL, time="soon", partition="a b", options=["account", "--a\n#SBATCH -b"])
    assert [line.split(":")[1].strip() for line in refused.value.problems] == [
        "--time", "--partition", "--memory", "--sbatch", "--sbatch", "--folder",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"'2:00', which is 120 s, expected more than --grace"):
        slurm.script(make_job(grace_s=120), URL, time="2:00")


@given(st.integers(0, 90), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_times_as_sbatch_reads_them(days, hours, minutes, seconds):
    whole = ((days * 24 + hours) * 60 + minutes) * 60
    assert slurm.seconds(f"{days}-{hours}:{minutes:02}:{seconds:02}") == whole + seconds
    assert slurm.seconds(f"{days}-{hours:02}:{minutes:02}") == whole
    assert slurm.seconds(f"{days}-{hours}") == whole - minutes * 60
    assert slurm.seconds(f"{hours}:{minutes:02}:{seconds:02}") == (
        hours * 3600 + minutes * 60 + seconds
    )
    assert slurm.seconds(f"{minutes}:{seconds:02}") == minutes * 60 + seconds
    assert slurm.seconds(f"{minutes}") == minutes * 60


# The script itself, with a worker of ours and SLURM's two commands in its place.

WORKER = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
def stop(number, frame):
    (place / "told").open("a").write("x")
    time.sleep(0.3)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
with (place / "begun").open("a") as begun:
    begun.write("x")
code = int((place / "code").read_text())
if code >= 0:
    sys.exit(code)
time.sleep(60)
"""


@pytest.fixture
def task(make_job, tmp_path):
    """Starts the script as a task of a job that stands as told, with a worker that ends so."""
    started = []

    def start(code, state="RUNNING"):
        (tmp_path / "worker.py").write_text(WORKER)
        (tmp_path / "code").write_text(str(code))
        for name, line in {
            "squeue": f'[ "$*" = "--noheader --jobs=6_1 --format=%T" ] && echo {state}',
            "scontrol": f'echo "$@" >> {shlex.quote(str(tmp_path))}/scontrol',
            "sleep": "exit 0",
        }.items():
            command = tmp_path / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text(f"#!/bin/sh\n{line}\n")
            command.chmod(0o755)
        job = make_job(folder=str(tmp_path), study="a study")
        text = slurm.script(job, URL, time="90")
        ours = shlex.join([sys.executable, str(tmp_path / "worker.py"), str(tmp_path)])
        theirs = shlex.join([*slurm.wire.command(), *job.arguments])
        assert theirs in text and shlex.split(theirs)[-1] == "a study"
        script = tmp_path / "job.sh"
        script.write_text(text.replace(theirs, ours))
        environment = {
            **os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "SLURM_JOB_ID": "6",
            "SLURM_ARRAY_JOB_ID": "6", "SLURM_ARRAY_TASK_ID": "1",
        }  # fmt: skip
        started.append(subprocess.Popen(["bash", str(script)], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def count(path):
    return len(path.read_text()) if path.exists() else 0


@pytest.mark.parametrize(("state", "requeued"), [("RUNNING", True), ("CANCELLED", False)])
def test_a_task_near_its_limit_is_queued_again_and_a_cancelled_one_is_not(
    task, tmp_path, state, requeued
):
    process = task(-1, state)
    deadline = time.monotonic() + 60
    while not count(tmp_path / "begun"):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)  # to the script alone
    assert process.wait(60) == 143
    assert count(tmp_path / "told") == 1 and count(tmp_path / "begun") == 1
    asked = tmp_path / "scontrol"
    assert (asked.read_text() if asked.exists() else "") == ("requeue 6_1\n" if requeued else "")


@pytest.mark.parametrize("code", [0, 1, 2, 143])
def test_a_worker_that_has_ended_is_not_started_again(task, tmp_path, code):
    assert task(code).wait(60) == code
    assert count(tmp_path / "begun") == 1 and not (tmp_path / "scontrol").exists()


def test_a_worker_that_crashes_is_started_again_seven_times(task, tmp_path):
    assert task(139).wait(60) == 139
    assert count(tmp_path / "begun") == 1 + slurm.RESTARTS
