"""A study whose disk for checkpoints and models is full to the last byte, its worker's log too."""

import re

import pytest

from tests.full_disk import fill


@pytest.mark.slow
def test_the_study_ends_with_its_exact_budget_and_tells(folder, small_disk):
    disk = small_disk(400 * 1024)
    folder.study(study={"trials": 3, "artifacts": str(disk)}, training={"checkpoint_every_s": 0})
    fill(disk)
    answer = folder.answer("launch", "study.toml")
    assert answer.returncode == 3, answer.stdout + answer.stderr
    assert [trial.state for trial in folder.trials("iris")] == ["COMPLETE"] * 3
    assert re.search(r"the disk of \S+ has only 0\.0 MiB left: ", answer.stdout), answer.stdout
    lost = r"NOT PROVEN: trial \d: it has no saved model: \S+: No space left on device; "
    assert re.search(lost, " ".join(answer.stdout.split())), answer.stdout  # it is wrapped
    left = [path.name for path in (disk / "iris").rglob("*") if path.is_file()]
    left = [name for name in left if not name.endswith(".log")]
    assert [name for name in left if not name.startswith(".study-")] == []  # nothing half written
