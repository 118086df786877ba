"""The launch of a study file from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studyhall.search.api import launching
from studyhall.search.study_file import config
from studyhall.storage.database.urls import default_url


def launched(
    path: Path,
    study: Mapping[str, Any],
    workers: int | None,
    gpus: str | Sequence[int] | None,
    *,
    quiet: bool,
) -> tuple[str, str]:
    """Run the study of a file until its budget is spent; return its name and its database's URL.

    Args:
        path: the study file.
        study: keys of ``[study]`` that replace the file's; None is no value.
        workers, gpus: as in `launching.given`.
        quiet: print remarks and the result only.

    Raises:
        ConfigError, UserCodeError, RuntimeError, KeyboardInterrupt: as `launching.Launch.run`.
    """
    chosen = {key: value for key, value in study.items() if value is not None}
    file = config.load(path, {"study": chosen})
    url = file.study.storage or default_url()
    given = launching.given(workers, gpus)
    launching.Launch(file, path.parent, url, given, quiet=quiet, path=path).run()
    return file.study.name, url
