"""A cluster's job: many workers of a study, each a task that the scheduler places and restarts."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from studyhall.search.process import identity
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import urls

PASSWORDS = ("password", "sslpassword", "passfile")  # parameters of a URL that are secret
URL_FILE = "STUDYHALL_STORAGE_FILE"


@dataclass(frozen=True)
class Needs:
    """The needs of a job's workers.

    Attributes:
        workers: their number.
        gpus: GPUs of each worker, 0 or 1.
        cpus: processors of each worker.
        memory: memory of each worker in the scheduler's notation; None for its default.
        grace_s: seconds from the request to stop to the end, for an epoch and a checkpoint.
    """

    workers: int
    gpus: int
    cpus: int
    memory: str | None
    grace_s: int


@dataclass(frozen=True)
class Job:
    """A study's job, as every scheduler is told of it.

    Attributes:
        study: the study's name.
        artifacts: its folder of checkpoints and models, or its bucket's URL.
        folder: the folder of its data and code, as the workers see it.
        needs: what its workers need.
    """

    study: str
    artifacts: str
    folder: str
    needs: Needs

    @property
    def name(self) -> str:
        """The study's name in letters, digits and hyphens, as schedulers want it."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.study.lower()).strip("-")[:40].strip("-")
        return f"studyhall-{plain or 'study'}"

    @property
    def arguments(self) -> list[str]:
        """The arguments of `studyhall` that start a worker."""
        gpu = [] if self.needs.gpus else ["--gpu", "none"]  # a node may show those of other jobs
        # The double hyphen ends the options, in case that the study's name begins with a hyphen.
        return ["worker", "--folder", self.folder, *gpu, "--", self.study]

    @property
    def bucket(self) -> bool:
        """True if checkpoints and models are in a bucket."""
        return bucket.is_bucket(self.artifacts)


def refuse_sqlite(url: str, command: str) -> None:
    """Refuse a database that workers on other machines can't open.

    Raises:
        ConfigError: it is a SQLite file.
    """
    if mistake := urls.only_here(url):
        raise ConfigError([f"{command}: {mistake}"])


def open_url(url: str) -> str | None:
    """Return the database's URL if it holds no password; None if it does."""
    parsed = urls.address(url).url
    secret = parsed.password or any(name in parsed.query for name in PASSWORDS)
    return None if secret else url


def url_file(url: str) -> Path | None:
    """Return the file that the user has named in the environment if it holds this URL."""
    named = Path(os.environ.get(URL_FILE) or os.devnull)
    with suppress(OSError):
        if named.read_text(encoding="utf-8").strip() == url:
            return named.resolve()
    return None


def rendered(template: str, work: Job, **told: Any) -> str:
    """Fill in a template of this folder with a job and whatever else it names."""
    return TEMPLATES.get_template(template).render(
        job=work, needs=work.needs, place=identity.PLACE, url_file=URL_FILE, **told
    )


def quoted(value: str | list[str]) -> str:
    """Return a text, or a list of texts, as YAML.

    JSON would be YAML, but for characters beyond the sixteen bits: it writes them as two.
    """
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    wide = (
        f"\\U{ord(each):08x}" if ord(each) > 0xFFFF else json.dumps(each)[1:-1] for each in value
    )
    return f'"{"".join(wide)}"'


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters["quoted"] = quoted
