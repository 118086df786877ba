"""The report as Markdown; its tables also serve the HTML report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.diagnosis import tendencies
from studyhall.search.display import markdown_text, score_tables, words
from studyhall.search.display.markdown_text import plain
from studyhall.search.evaluation import baseline_text, outcome, outcome_text, pareto
from studyhall.search.report import retrainings, summary
from studyhall.search.study_file import objectives

MOST_TRIALS = 50  # rows in the table of trials, the best first; the JSON has all


def text(content: Mapping[str, Any]) -> str:
    """Return the report of a study as Markdown."""
    return "\n\n".join(part for part in _parts(content) if part) + "\n"


def _parts(content: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Study {plain(content['study'])}"
    if content["best"]:
        yield from _outcome(content["best"], content["status"]["objective"])
        yield "## Summary"
    told = summary.beyond_outcome(content) if content["best"] else content["summary"]
    yield "\n\n".join(map(plain, told))
    if content["status"]["pareto"]:
        yield "## Pareto front"
        yield table(*pareto.rows(content["status"]["pareto"]))
    yield from _evaluation(content)
    yield "## Hyperparameters"
    yield table(*hyperparameters(content))
    yield "## Verdicts"
    yield table(["verdict", "trials"], [[n, str(c)] for n, c in content["verdicts"].items()])
    yield table(*trials(content["trials"], MOST_TRIALS, content["status"]["directions"][0]))
    if content["best"] and content["best"]["test"]:
        scores = content["best"]["test"]["scores"]
        yield "## Test set"
        yield table(*score_tables.rows(scores))
        if "confusion" in scores:
            yield table(*score_tables.confusion_rows(scores))
        if (reliability := score_tables.reliability_rows(scores))[1]:
            yield "Reliability: mean predicted probability and accuracy:"
            yield table(*reliability)
    if content["best"] and content["best"]["baselines"]:
        told = content["best"]["baselines"]
        yield "## Baselines"
        yield "\n\n".join(map(plain, told["summary"]))
        yield table(*baseline_text.rows(told, content["status"]["objective"]))
    yield "## Time and losses"
    yield table(*time_spent(content))
    yield "## Reproduction"
    yield table(*reproduce(content["reproduce"]))
    yield markdown_text.fenced(content["reproduce"]["study_file"], "toml")


def _outcome(best: Mapping[str, Any], objective: str) -> Iterator[str]:
    """Yield the answers to the three questions."""
    told, (got, trust, following) = best["outcome"], outcome_text.QUESTIONS
    reached = words.reached(best["best_epoch"], best["epochs"], best["best_epochs"])
    trial = words.called(best["trial"], best["name"])
    yield f"## {got}"
    yield plain(f"Trial {trial}: {objective} {words.number(best['value'])} {reached}.")
    yield table(*outcome.rows(told))
    yield "\n\n".join(map(plain, told["baselines"]))
    yield plain(outcome_text.hyperparameters(told))
    if told["model"]:
        yield plain(f"Model: {told['model']}")
    yield f"## {trust}"
    yield "\n".join(f"- {plain(each)}" for each in told["trust"])
    yield f"## {following}"
    commands = "\n".join(f"{each['command']}  # {each['to']}" for each in told["next"])
    yield markdown_text.fenced(commands, "sh") if commands else ""


def _evaluation(content: Mapping[str, Any]) -> Iterator[str]:
    confirmed, curve = (content["best"] or {}).get("confirmation"), content["data_curve"]
    if confirmed is not None:
        yield "## Confirmation"
        yield table(*retrainings.confirmation_rows(confirmed))
    if curve is not None:
        yield "## More data?"
        yield "\n\n".join(map(plain, curve["summary"]))
        yield table(*retrainings.data_rows(curve))


Rows = tuple[list[str], list[list[str]]]


def hyperparameters(content: Mapping[str, Any]) -> Rows:
    """Return a header and a row per searched hyperparameter."""
    body = [
        [
            each["name"],
            each["searched"],
            "–" if each["importance"] is None else f"{each['importance']:.2f}",
            each["good"],
            "; ".join(each["tendencies"]),
        ]
        for each in content["hyperparameters"]
    ]
    complete = content["status"]["complete"]
    best = f"the best {tendencies.good_count(complete)} of {complete}" if complete else "the best"
    head = ["hyperparameter", "searched", "importance", best, "tendencies"]
    some = 5 if any(row[-1] for row in body) else 4
    return head[:some], [row[:some] for row in body]


def trials(found: Sequence[Mapping[str, Any]], most: int, direction: str) -> Rows:
    """Return a header and a row per trial, the best first, those without a value last.

    Args:
        found: the trials as JSON-able values.
        most: the maximum number of rows.
        direction: minimize or maximize.
    """
    sign = objectives.sign(direction)
    ranked = sorted(
        found,
        key=lambda t: (t["state"] != "complete", t["value"] is None, sign * (t["value"] or 0.0)),
    )
    head = ["trial", "state", "value", "epoch", "verdict", "confidence", "gap", "noise", "advice"]
    return head, [_trial(each) for each in ranked[:most]]


def _trial(trial: Mapping[str, Any]) -> list[str]:
    verdict = trial["verdict"] or {}
    evidence = verdict.get("evidence") or {}
    return [
        words.called(trial["trial"], trial["name"]),
        trial["state"],
        words.number(trial["value"]),
        _epochs(trial),
        verdict.get("name", "–"),
        "" if not verdict else f"{verdict['confidence']:.2f}",
        *(_three(evidence.get(name)) for name in ("gap", "noise")),
        trial["reason"] or "; ".join(verdict.get("advice", [])),
    ]


def _epochs(trial: Mapping[str, Any]) -> str:
    """Return the best epoch of a trial, with the number of its epochs."""
    best, epochs = trial["best_epoch"], trial["epochs"]
    return words.out_of(best, epochs).replace(" of ", "/") if best else f"–/{epochs}"


def time_spent(content: Mapping[str, Any]) -> Rows:
    """Return a header and rows of the time by activity, lost time, and reasons of failures."""
    lost = content["lost"]
    rows = [[what, words.duration(seconds)] for what, seconds in _longest(content)]
    gone = {
        "in failed trials": lost["failed_s"],
        "in pruned trials": lost["pruned_s"],
        "repeated after takeovers": lost["repeated_s"],
    }
    rows += [[what, words.duration(seconds)] for what, seconds in gone.items()]
    reasons = [[f"failed {n} ×", why] for why, n in lost["reasons"].items()]
    return ["activity", "time"], [*rows, *reasons]


def reproduce(known: Mapping[str, Any]) -> Rows:
    """Return a header and rows of seeds, fingerprints and versions."""
    sizes = known["samples"] or {}
    rows = {
        "seed of the study": known["seed"],
        "seed of the best trial": known["best_seed"],
        "seed of its model": known["model_seed"],
        "data, SHA-256": known["data"],
        "samples": ", ".join(f"{count} {name}" for name, count in sizes.items()),
        "notes on the data": "; ".join(known.get("notes", [])),
        **{f"code {path}, SHA-256": digest for path, digest in known["code"].items()},
        "best model, SHA-256": known["model_sha256"],
        "to retrain and compare the best trial": known["replay"],
        "folder of the study file": known["folder"],
        "Python": known["python"],
        **known["versions"],
    }
    known_rows = [[name, str(value)] for name, value in rows.items() if value not in (None, "")]
    return ["item", "recorded"], known_rows


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of texts, which are escaped; an empty string without rows."""
    if not body:
        return ""
    return markdown_text.table([[*map(plain, line)] for line in (head, *body)], ["---"] * len(head))


def _longest(content: Mapping[str, Any]) -> list[tuple[str, float]]:
    return sorted(content["status"]["seconds"].items(), key=lambda item: -item[1])


def _three(number: float | None) -> str:
    return "" if number is None else f"{number:.3g}"
