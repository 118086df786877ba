"""A summary of results of `quality.py`: medians over time, time to a peer's value, test scores."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality_studyhall import NAME

Result = dict[str, Any]  # one search, a line of the file
SHARES = (1 / 6, 1 / 3, 2 / 3, 1.0)  # of the time
RESAMPLES, INTERVAL = 2000, (5.0, 95.0)  # of the bootstrap, percentiles


def read(path: Path) -> list[Result]:
    """Return the results in a file; none if there is no such file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def key(result: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells one search from another."""
    return tuple(result[name] for name in ("task", "peer", "seed", "workers", "seconds"))


def best_at(result: Result, share: float) -> float:
    """Return the best value after a share of the time; infinite while there is none."""
    limit = share * result["seconds"]
    return min((value for at, value in result["steps"] if at <= limit), default=math.inf)


def share_to(result: Result, value: float) -> float:
    """Return the share of the time after which a search was as good as a value, or infinity."""
    times = (at for at, reached in result["steps"] if reached <= value)
    return float(min(times, default=math.inf)) / float(result["seconds"])


def median_with_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Return the median and its 90 % interval by the percentile bootstrap over the seeds."""
    drawn = np.random.default_rng(seed).choice(np.array(values), (RESAMPLES, len(values)))
    ordered = np.sort(drawn, axis=1)  # np.median gives NaN between two infinities
    medians = ordered[:, (len(values) - 1) // 2]  # the lower one of two, which has occurred
    low, high = np.percentile(medians, INTERVAL, method="nearest")
    return float(_median(values)), float(low), float(high)


def numbers(results: Iterable[Result]) -> Result:
    """Return everything that `text` prints, by comparison and contestant."""
    by_task: dict[str, dict[str, dict[int, Result]]] = {}
    for one in results:
        by_task.setdefault(_comparison(one), {}).setdefault(one["peer"], {})[one["seed"]] = one
    return {
        task: {peer: _of_peer(runs, peers.get(NAME, {})) for peer, runs in peers.items()}
        for task, peers in by_task.items()
    }


def text(results: Sequence[Result]) -> str:
    """Return a table for each task."""
    if not results:
        return "no results"
    seconds = {_comparison(one): one["seconds"] for one in results}
    return "\n".join(_table(task, seconds[task], peers) for task, peers in numbers(results).items())


def markdown(results: Sequence[Result]) -> str:
    """Return the tables for a document, the numbers rounded to what a reader compares."""
    seconds = {_comparison(one): one["seconds"] for one in results}
    known = numbers(results)
    tables = (_markdown(task, seconds[task], peers) for task, peers in known.items())
    return "\n\n".join([*tables, in_all(known)])


def in_all(known: Mapping[str, Mapping[str, Result]]) -> str:
    """Return one sentence on all pairs of searches with the same task and seed."""
    others = [found for peers in known.values() for name, found in peers.items() if name != NAME]
    pairs, better, tests = (
        sum(found[word] for found in others)
        for word in ("compared", "better with", "better test with")
    )
    return (
        f"In {better} of {pairs} pairs of searches studyhall's last validation loss is the lower "
        f"one, in {tests} the test loss of its winner."
    )


def _markdown(task: str, seconds: float, peers: Mapping[str, Result]) -> str:
    times = [f"{share * seconds:.0f} s" for share in SHARES]
    head = [task, *times, "trials", "studyhall's time to its last value", "studyhall is better"]
    rows = [[*head, "test loss"], ["---"] * (len(head) + 1)]
    rows += [_markdown_row(name, peers[name]) for name in _order(peers)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _markdown_row(peer: str, found: Result) -> list[str]:
    best = [_short(value) for value in found["best"]]
    shown = _interval(peer, found, _percentage)
    better = f"{found['better with']} of {found['compared']}" if shown else ""
    test = _short(found["test"].get("loss", math.inf))
    return [peer, *best, f"{found['trials']:.0f}", shown, better, test]


def _interval(peer: str, found: Result, form: Callable[[float], str]) -> str:
    """Return studyhall's time to a peer's value, with its interval; "" if nothing is compared."""
    ratio = found["time to its value"]
    return "" if ratio is None or peer == NAME else "{} ({} … {})".format(*map(form, ratio))


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _percentage(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if math.isfinite(share) else "never"


def _order(peers: Iterable[str]) -> list[str]:
    """Return the contestants' names, studyhall's first."""
    return sorted(peers, key=lambda name: (name != NAME, name))


def _of_peer(runs: Mapping[int, Result], ours: Mapping[int, Result]) -> Result:
    values = list(runs.values())
    both = [seed for seed in runs if seed in ours]
    ratios = [share_to(ours[seed], best_at(runs[seed], 1.0)) for seed in both]
    tests = [one["test"] for one in values if one.get("test")]
    return {
        "seeds": len(values),
        "best": [_median([best_at(one, share) for one in values]) for share in SHARES],
        "trials": _median([one["trials"] for one in values]),
        "pruned": _median([one["pruned"] for one in values]),
        "time to its value": median_with_interval(ratios) if ratios else None,
        "compared": len(both),
        "better with": sum(best_at(ours[s], 1.0) < best_at(runs[s], 1.0) for s in both),
        "better test with": sum(_test_loss(ours[s]) < _test_loss(runs[s]) for s in both),
        "test": {name: _median([one[name] for one in tests]) for name in (tests or [{}])[0]},
    }


def _comparison(result: Result) -> str:
    """Return what searches are compared in: a task, by one worker or by several."""
    task, workers = result["task"], result["workers"]
    return task if workers == 1 else f"{task}, {workers} workers"


def _test_loss(result: Result) -> float:
    return float((result.get("test") or {}).get("loss", math.inf))


def _table(task: str, seconds: float, peers: Mapping[str, Result]) -> str:
    times = "".join(f"{share * seconds:8.0f} s" for share in SHARES)
    head = f"{'':21}{times}{'trials':>8}{'pruned':>8}{'seeds':>7}"
    lines = [f"\n{task}, {seconds:g} s: median best validation loss after", head]
    lines[1] += "   studyhall's time to its value (90 %)   test set"
    for peer in _order(peers):
        lines.append(f"{peer:21}{_row(peer, peers[peer])}")
    return "\n".join(lines)


def _row(peer: str, found: Result) -> str:
    shown = _interval(peer, found, _share)
    won = f"better {found['better with']} ×" if shown else ""
    test = ", ".join(f"{name} {value:.4g}" for name, value in found["test"].items())
    best = "".join(f"{value:10.4g}" for value in found["best"])
    counts = f"{found['trials']:8.0f}{found['pruned']:8.0f}{found['seeds']:7}"
    return f"{best}{counts}   {shown:24}{won:13}  {test}"


def _share(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "never"


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2
