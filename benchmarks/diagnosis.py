"""A check of the verdicts: the guide's situations, trained again with other seeds.

    python benchmarks/diagnosis.py [--seeds N] [--markdown]

Each training is judged twice: alone, and beside the other trainings on the same data, as in a
study, whose best one shows what is achievable. Exits with 1 if fewer than nine of ten are right
there.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.diagnosis_situations import (  # noqa: E402
    SITUATIONS,
    Judged,
    Situation,
    judge,
    train,
)

FIRST_SEED = 100  # the bounds of the rules were set with 0, 1, 2 and 3
LEAST = 0.9  # share of right verdicts


def main() -> int:
    """Train, judge and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
        trained = [
            train(situation, source, seed, Path(folder))
            for situation in SITUATIONS
            for source in situation.on
            for seed in seeds
        ]
    judged = judge(trained)
    _print(judged, options.markdown)
    right = statistics.mean(each.is_right(each.in_study) for each in judged)
    return int(right < LEAST)


def _print(judged: list[Judged], markdown: bool) -> None:
    rows = [_row(each, [j for j in judged if j.trained.situation is each]) for each in SITUATIONS]
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
