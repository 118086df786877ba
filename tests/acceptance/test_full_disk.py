"""A study whose disk for checkpoints and models is full to the last byte, its worker's log too."""

import re


def test_the_study_ends_with_its_exact_budget_and_tells(folder, small_disk):
    disk = small_disk(400 * 1024)
    folder.study(study={"trials": 3, "artifacts": str(disk)}, training={"checkpoint_every_s": 0})
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            try:
                ballast.write(bytes(4096))
            except OSError:
                break
    answer = folder.answer("launch", "study.toml")
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert [trial.state for trial in folder.trials("iris")] == ["COMPLETE"] * 3
    assert re.search(r"the disk of \S+ has 0\.0 MiB left: ", answer.stdout), answer.stdout
    last = answer.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"trial \d, the best, has no saved model: .*: No space left on device", last
    )
    assert [path.name for path in (disk / "iris").iterdir()] == ["logs"]  # nothing half written
