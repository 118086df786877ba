"""The commands that write job files for clusters: `slurm`, `kubernetes`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Storage, find, storage_option
from studyhall.search.display import terminal
from studyhall.search.display.terminal import remark
from studyhall.search.schedulers import job, kubernetes, slurm
from studyhall.search.schedulers.job import Job, Needs
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies.rows import Study

Wanted = Annotated[
    str,
    typer.Argument(
        metavar="STUDY|FILE", help="Name of the study, or a study file (.toml) to create it from."
    ),
]
Count = Annotated[int, typer.Option("--workers", min=1, max=1024, help="Workers, one per task.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, max=1, help="GPUs of each worker.")]
Cpus = Annotated[int, typer.Option("--cpus", min=1, max=1024, help="Processors of each worker.")]
Folder = Annotated[
    str | None,
    typer.Option(help="The folder of data and code on the nodes; default: as at its launch."),
]


def slurm_command(
    wanted: Wanted,
    workers: Count = 1,
    gpus: Gpus = 0,
    time: Annotated[
        str, typer.Option(metavar="H:MM:SS", help="Time limit of a task; it is queued again.")
    ] = "4:00:00",
    partition: Annotated[str | None, typer.Option(help="SLURM's partition.")] = None,
    cpus: Cpus = 2,
    memory: Annotated[str | None, typer.Option(metavar="16G", help="Memory of a worker.")] = None,
    grace: Annotated[
        int,
        typer.Option(
            metavar="SECONDS", min=1, max=65535, help="Time before the limit to save a checkpoint."
        ),
    ] = 120,
    options: Annotated[
        list[str] | None,
        typer.Option("--sbatch", metavar="OPTION", help="Another option of sbatch; repeatable."),
    ] = None,
    folder: Folder = None,
    storage: Storage = None,
) -> None:
    """Print a job array for SLURM: workers that are queued again until the study ends."""

    def write(work: Job, url: str) -> str:
        return slurm.script(work, url, time=time, partition=partition, options=options or [])

    needs = Needs(workers, gpus, cpus, memory, grace)
    work = _print("slurm", wanted, storage, folder, needs, write)
    places = "" if work.bucket else f" and {work.artifacts}"
    remark(f"every node must see {work.folder}{places}")
    remark(f"to submit: sbatch FILE; once it ends: {_resumed(work, storage)}")


def kubernetes_command(
    wanted: Wanted,
    image: Annotated[str, typer.Option(help="The container image of the workers.")],
    workers: Count = 1,
    gpus: Gpus = 0,
    cpus: Cpus = 2,
    memory: Annotated[str | None, typer.Option(metavar="16Gi", help="Memory of a worker.")] = None,
    secret: Annotated[
        str, typer.Option(help="The secret whose key url is the database's URL.")
    ] = "studyhall-database",
    claims: Annotated[
        list[str] | None,
        typer.Option("--claim", metavar="NAME=/path", help="A shared volume; repeatable."),
    ] = None,
    bucket_secret: Annotated[
        str | None, typer.Option(help="The secret with the bucket's AWS_… variables.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="The namespace.")] = None,
    grace: Annotated[
        int,
        typer.Option(metavar="SECONDS", min=1, max=86400, help="Time to end an epoch and save it."),
    ] = 600,
    folder: Folder = None,
    storage: Storage = None,
) -> None:
    """Print an indexed job for Kubernetes: workers that are replaced until the study ends."""

    def write(work: Job, url: str) -> str:
        return kubernetes.manifest(
            work,
            image=image,
            secret=secret,
            claims=claims or [],
            bucket_secret=bucket_secret,
            namespace=namespace,
        )

    needs = Needs(workers, gpus, cpus, memory, grace)
    work = _print("kubernetes", wanted, storage, folder, needs, write)
    remark(f"the image or a volume must have {work.folder}, with the study's data and code")
    remark(f"to start: kubectl apply -f FILE; once it ends: {_resumed(work, storage)}")


def _resumed(work: Job, storage: str | None) -> str:
    return f"studyhall resume {work.study}{storage_option(storage or default_url())}"


def _print(
    command: str,
    wanted: str,
    storage: str | None,
    folder: str | None,
    needs: Needs,
    write: Callable[[Job, str], str],
) -> Job:
    """Print the job file of a study, created if a study file is given, and return the job.

    Raises:
        ConfigError: the database is SQLite, the file or an option has mistakes, or there is no such
            study.
    """

    def job_of(study: str, artifacts: str, own: Path) -> Job:
        return Job(study, artifacts, str(own) if folder is None else folder, needs)

    if wanted.endswith(".toml"):
        study, url = _of_file(Path(wanted), storage, command, job_of, write)
    else:
        url = storage or default_url()
        job.refuse_sqlite(url, command)
        with closing(Database.open(url, create=False)) as db:
            study = find(db, wanted)
    made = job_of(study.name, study.config["artifacts"], record.stored(study).folder)
    terminal.write(write(made, url))
    return made


def _of_file(
    path: Path,
    storage: str | None,
    command: str,
    job_of: Callable[[str, str, Path], Job],
    write: Callable[[Job, str], str],
) -> tuple[Study, str]:
    """Create or continue the study of a file, unless an option has mistakes."""
    from studyhall.search.study import chosen_backend, creation, inspection
    from studyhall.search.study_file import config

    file = config.load(path, {"study": {"storage": storage} if storage else {}})
    url = file.study.storage or default_url()
    job.refuse_sqlite(url, command)
    file = chosen_backend.of_file(file, path, url)
    write(job_of(file.study.name, creation.usual_place(file), path.parent.resolve()), url)
    inspection.glance(file, path)
    found = inspection.inspect_apart(file, path)
    creation.check_artifacts(file, path.name)
    from studyhall.search.cli import opening

    with closing(Database.open(url)) as db:
        return opening.open_or_create(db, file, path, found, tell=remark), url
