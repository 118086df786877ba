"""docs/own_code.md holds: its study runs."""

import re
from pathlib import Path

from studyhall.storage.queries import records

PAGE = Path(__file__).resolve().parent.parent / "docs/own_code.md"
BLOCKS = re.findall(
    r"^```\w+\n# ([\w.]+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_its_study_runs_with_its_code(studio) -> None:
    from studyhall.search.study import creation, inspection
    from studyhall.search.study_file import config

    assert [name for name, _ in BLOCKS] == ["study.toml", "mine.py"]
    for name, text in BLOCKS:
        (studio.folder / name).write_text(text, encoding="utf-8")
    path = studio.folder / "study.toml"
    file = config.load(path, {"study": {"artifacts": str(studio.folder / "artifacts")}})
    study = creation.create(studio.db, file, studio.folder, inspection.inspect(file, path))
    studio.finish(study)
    trials = records.trials(studio.db, study)
    assert len(trials) == 3 and all(trial.state == "COMPLETE" for trial in trials)
    for trial in trials:
        assert trial.value == trial.attributes["metrics"]["val_profit"] and "factor" in trial.params
