"""A check of the verdicts: the guide's situations, trained again with other seeds.

    python benchmarks/diagnosis.py [--seeds N] [--markdown]

Each training is judged twice: alone, and beside the other trainings on the same data, as in a
study, whose best one shows what is achievable. Each then goes on for as many epochs again, which
shows what the answer to "is it worth training longer?" was worth. Exits with 1 if fewer than nine
of ten verdicts are right in a study, or more than one of twenty that were told "no" gained.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.diagnosis_agreement import Judged, answer, gained, judge  # noqa: E402
from benchmarks.diagnosis_situations import SHORT, SITUATIONS, Situation  # noqa: E402
from benchmarks.diagnosis_trainings import Trained, train  # noqa: E402

FIRST_SEED = 800  # others than those that the bounds of the rules were set or looked at with
LEAST = 0.9  # share of right verdicts
ANSWERS = ("yes", "no", "unknown")
GAIN = 0.02  # a training is worth going on with if its loss falls by more than this share
MOST_GAINING = 0.05  # of those that were told it is not


def main() -> int:
    """Train, judge and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
        trained = [
            train(situation, source, seed, Path(folder))
            for situation in (*SITUATIONS, *SHORT)
            for source in situation.on
            for seed in seeds
        ]
    judged = judge(trained)
    _print(judged, options.markdown)
    told = {said: [each for each in trained if answer(each) == said] for said in ANSWERS}
    for said, asked in told.items():
        print(f"worth training longer? {said}: {_gaining(asked)} of {len(asked)} gained over 2 %")
    right = statistics.mean(each.is_right(each.in_study) for each in judged)
    return int(right < LEAST or _gaining(told["no"]) > MOST_GAINING * len(told["no"]))


def _gaining(trained: list[Trained]) -> int:
    return sum(gained(each) > GAIN for each in trained)


def _print(judged: list[Judged], markdown: bool) -> None:
    rows = [
        _row(each, [j for j in judged if j.trained.situation is each])
        for each in (*SITUATIONS, *SHORT)
    ]
    head = ("situation", "expected", "data", "verdicts in its study", "agreeing", "alone")
    if markdown:
        print("\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)))
    else:
        for row in (head, *rows):
            print(f"{row[0]:46}{row[1]:46}{row[4]:>10}{row[5]:>8}  {row[3]}")
    for name, right in (("right", True), ("wrong", False)):
        sure = [j.in_study.confidence for j in judged if j.is_right(j.in_study) is right]
        mean = f"{statistics.mean(sure):.2f}" if sure else "–"
        print(f"\n{len(sure)} of {len(judged)} {name}, their mean confidence {mean}")


def _row(situation: Situation, judged: list[Judged]) -> tuple[str, ...]:
    given = [each.in_study.verdict for each in judged]
    counts = sorted({name: given.count(name) for name in given}.items(), key=lambda it: -it[1])
    return (
        situation.name,
        " or ".join(situation.expected),
        ", ".join(situation.on),
        ", ".join(f"{count} {name}" for name, count in counts),
        f"{sum(each.is_right(each.in_study) for each in judged)} of {len(judged)}",
        f"{sum(each.is_right(each.alone) for each in judged)} of {len(judged)}",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each situation and data")
    parser.add_argument("--markdown", action="store_true", help="print a table for a document")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
