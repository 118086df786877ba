"""A job to write files for."""

from dataclasses import replace

import pytest

from studyhall.search.schedulers.job import Job, Needs

NEEDS = Needs(workers=64, gpus=1, cpus=4, memory="16G", grace_s=120)
JOB = Job("digits", "/shared/studyhall-artifacts/digits", "/shared/own code", NEEDS)


@pytest.fixture
def make_job():
    """Makes jobs that differ from one in what is given, of the job or of its needs."""

    def make(**changes):
        needs = {name: changes.pop(name) for name in [*changes] if hasattr(NEEDS, name)}
        return replace(JOB, needs=replace(NEEDS, **needs), **changes)

    return make
