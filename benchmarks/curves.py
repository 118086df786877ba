"""Complete learning curves of random configurations, and searches that are replayed on them.

    python benchmarks/curves.py record --task NAME --configurations N --folder DIR
    python benchmarks/curves.py replay FILE… [--strategy NAME]… [--replays N] [--seconds S]
    python benchmarks/curves.py ranks FILE…
    python benchmarks/curves.py draw FILE --output PNG [--strategy NAME]… [--seconds S]

`record` trains each configuration to its last epoch, without pruning and early stopping, and goes
on where it was interrupted. `replay` simulates searches of one worker: thousands of trials in
seconds, so that strategies can be compared before they are tried for real. `ranks` tells how early
a curve shows how good it will be. `draw` shows how long each trial of such a search was trained.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run


def main() -> int:
    """Do what the command line asks for."""
    options = _options()
    options.do(options)
    return 0


def _options() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    _record_options(commands.add_parser("record"))
    _replay_options(commands.add_parser("replay"))
    _draw_options(commands.add_parser("draw"))
    ranks = commands.add_parser("ranks")
    ranks.add_argument("files", nargs="+", type=Path, metavar="FILE")
    ranks.set_defaults(do=_ranks)
    return parser.parse_args()


def _record_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", required=True)
    parser.add_argument("--configurations", type=int, required=True, metavar="N")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes; 1")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after so long")
    parser.set_defaults(do=_record)


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--replays", type=int, default=20, metavar="N", help="20")
    _search_options(parser)
    parser.set_defaults(do=_replay)


def _draw_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs=1, type=Path, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True, metavar="PNG")
    _search_options(parser)
    parser.set_defaults(do=_draw)


def _search_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategy", action="append", metavar="NAME", help="may be repeated")
    parser.add_argument("--seconds", type=float, metavar="S", help="of a search; the task's")
    parser.add_argument("--speed", type=float, default=1.0, help="times as fast as recorded; 1")
    parser.add_argument("--cost", type=float, default=0.05, help="seconds of each trial besides")


def _record(options: argparse.Namespace) -> None:
    import tempfile

    from benchmarks.curves_file import Recorder
    from benchmarks.curves_training import trained
    from benchmarks.throughput_cases import use_offline_data

    recorder, began = Recorder(options.folder, options.task), time.monotonic()
    missing = [n for n in range(options.configurations) if n not in recorder.known]
    with tempfile.TemporaryDirectory() as folder:
        use_offline_data(Path(folder))
        for count in recorder.add(trained(options.task, missing, options.workers)):
            minutes = (time.monotonic() - began) / 60
            print(f"\r{options.task}: {count} curves, {minutes:.1f} min", end="", flush=True)
            if options.minutes and minutes > options.minutes:
                break
    print()


def _replay(options: argparse.Namespace) -> None:
    from benchmarks import curves_replay

    for path in options.files:
        curves_replay.show(path, options)


def _draw(options: argparse.Namespace) -> None:
    from benchmarks import curves_picture

    curves_picture.draw(options.files[0], options)


def _ranks(options: argparse.Namespace) -> None:
    from benchmarks.curves_file import Recording, rank_correlations, survivors

    for path in options.files:
        recording = Recording.read(path)
        print(f"\n{recording.task}, {len(recording.curves)} curves: Spearman's rank correlation of")
        print(
            "the best value up to an epoch with the final one, and how many of the final best 5 %"
        )
        print(
            "are by then among the better half, and the best quarter\nepoch    rank    half quarter"
        )
        known = rank_correlations(recording), survivors(recording), survivors(recording, kept=0.25)
        for epoch, (rank, half, quarter) in enumerate(zip(*known, strict=True), 1):
            print(f"{epoch:5}  {rank:6.3f}  {half:5.0%}  {quarter:5.0%}")


if __name__ == "__main__":
    sys.exit(main())
