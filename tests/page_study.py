"""The study whose files stand in a page of docs/, each under its name."""

import re
from typing import Any

from tests import pages

FILE = re.compile(r"^```\w+\n# ([\w.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def finished(studio: Any, page: str, names: list[str]) -> Any:
    """Write the page's files, which have these names; run their study to its end."""
    from studyhall.search.study import creation, inspection
    from studyhall.search.study_file import config

    files = FILE.findall(pages.text(page))
    assert [name for name, _ in files] == names
    for name, text in files:
        (studio.folder / name).write_text(text, encoding="utf-8")
    path = studio.folder / names[0]
    file = config.load(path, {"study": {"artifacts": str(studio.folder / "artifacts")}})
    study = creation.create(studio.db, file, studio.folder, inspection.inspect(file, path))
    studio.finish(study)
    return study
