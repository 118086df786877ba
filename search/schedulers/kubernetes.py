"""The indexed job of Kubernetes that runs a study's workers, one in each pod."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from studyhall.search.schedulers import job
from studyhall.search.schedulers.job import Job
from studyhall.search.study_file.config_error import ConfigError

RESTARTS = 6  # of a pod whose worker crashed; those that must make way don't count
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
SECRET = PurePosixPath("/secrets/database")  # where a pod finds the key `url`


@dataclass(frozen=True)
class Claim:
    """A persistent volume claim and the path where a pod has its volume."""

    name: str
    path: str


def manifest(
    work: Job,
    *,
    image: str,
    secret: str,
    claims: Sequence[str] = (),
    bucket_secret: str | None = None,
    namespace: str | None = None,
) -> str:
    """Return the job as YAML for `kubectl apply`.

    Args:
        work: the study and what each worker needs.
        image: the container image, which has studyhall and perhaps the study's data and code.
        secret: the secret whose key ``url`` is the database's URL.
        claims: volumes that the pods share, each as ``NAME=/path``.
        bucket_secret: a secret whose keys are the bucket's environment variables.
        namespace: the namespace; None for kubectl's.

    Raises:
        ConfigError: an option that Kubernetes would refuse, or checkpoints that pods can't share;
            all mistakes at once.
    """
    volumes = [_claim(text) for text in claims]
    problems = [*_problems(image, secret, bucket_secret, namespace, work.needs.memory)]
    problems += [each for each in volumes if isinstance(each, str)]
    found = [each for each in volumes if isinstance(each, Claim)]
    if not work.bucket and not any(_holds(each, work.artifacts) for each in found):
        expected = "--claim NAME=/path of a volume that holds it, or a bucket"
        problems.append(f"[study] artifacts: received {work.artifacts}, expected {expected}")
    if problems:
        raise ConfigError([f"kubernetes: {line}" for line in problems])
    return job.rendered(
        "kubernetes.yaml",
        work,
        image=image,
        secret=secret,
        secret_path=str(SECRET),
        claims=found,
        bucket_secret=bucket_secret,
        namespace=namespace,
        restarts=RESTARTS,
    )


def _claim(text: str) -> Claim | str:
    """Read ``NAME=/path``; return the mistake in words if it is something else."""
    name, _, path = text.partition("=")
    if NAME.fullmatch(name) and path.startswith("/") and ".." not in PurePosixPath(path).parts:
        return Claim(name, path)
    return f"--claim: received {text!r}, expected NAME=/path"


def _holds(claim: Claim, folder: str) -> bool:
    return PurePosixPath(folder).is_relative_to(claim.path)


def _problems(
    image: str, secret: str, bucket_secret: str | None, namespace: str | None, memory: str | None
) -> list[str]:
    problems = []
    if not re.fullmatch(r"[\w./:@-]+", image, re.ASCII):
        problems.append(f"--image: received {image!r}, expected an image such as host/name:tag")
    named = {"--secret": secret, "--bucket-secret": bucket_secret, "--namespace": namespace}
    for option, name in named.items():
        if name is not None and not NAME.fullmatch(name):
            expected = "lower-case letters, digits, dots and hyphens"
            problems.append(f"{option}: received {name!r}, expected {expected}")
    if memory is not None and not re.fullmatch(r"[1-9]\d*([KMGT]i?|k)?", memory):
        problems.append(f"--memory: received {memory!r}, expected a size such as 16Gi")
    return problems
