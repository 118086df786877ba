"""docs/data.md holds: the study of its example runs, with several inputs, outputs and weights."""

import re
from pathlib import Path

from studyhall.storage.queries import records

PAGE = Path(__file__).resolve().parent.parent / "docs/data.md"
BLOCKS = re.findall(
    r"^```\w+\n# ([\w.]+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


def test_its_study_runs_with_its_code(studio) -> None:
    from studyhall.search.study import creation, inspection
    from studyhall.search.study_file import config

    assert [name for name, _ in BLOCKS] == ["study.toml", "my_data.py", "my_model.py"]
    for name, text in BLOCKS:
        (studio.folder / name).write_text(text, encoding="utf-8")
    path = studio.folder / "study.toml"
    file = config.load(path, {"study": {"artifacts": str(studio.folder / "artifacts")}})
    study = creation.create(studio.db, file, studio.folder, inspection.inspect(file, path))
    studio.finish(study)
    trials = records.trials(studio.db, study)
    assert len(trials) == 3 and all(trial.state == "COMPLETE" for trial in trials)
    for trial in trials:
        found = trial.attributes["metrics"]
        assert trial.value == found["val_kind_accuracy"] and "length" in trial.params
        assert {"val_kind_f1_macro", "val_price_mean_absolute_error"} <= found.keys()
