"""The baselines beside the network that won, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.display import words
from studyhall.search.evaluation import guessing
from studyhall.search.evaluation.guessing import GUESSING, Side
from studyhall.search.study_file.losses import REGRESSION
from studyhall.spaces import spelling

NETWORK = "the network"
MEASURES = {"accuracy": "accuracy", "f1": "mean F1", "roc_auc": "ROC-AUC"}
ERRORS = {"mae": "MAE", "rmse": "RMSE"}  # lower is better

Told = Mapping[str, Any]
Scores = dict[str, float]


def measures(found: Told) -> Scores:
    """Return the few scores that are compared; none if there are no scores."""
    if "no_scores" in found:
        return {}
    if found["task"] == REGRESSION:
        known = {name: found[name] for name in ERRORS}
    else:
        means = found["macro"]
        known = {"accuracy": found["accuracy"], **{key: means[key] for key in ("f1", "roc_auc")}}
    return {name: value for name, value in known.items() if value is not None}


def beside(
    stored: Told | None,
    value: float | None,
    validation: Told | None,
    test: Told | None,
    *,
    higher: bool = False,
) -> dict[str, Any] | None:
    """Return the baselines beside the network, as JSON values; None if they are not computed.

    Args:
        stored: what `baselines.store` has stored.
        value: of the network's trial.
        validation, test: scores of the network, as `scores.scores` returns them; None if it has
            none.
        higher: whether higher values are better.
    """
    if stored is None:
        return None
    network = {
        "name": NETWORK,
        "value": value,
        "validation": measures(validation) if validation else {},
        "test": measures(test) if test else None,
    }
    known = [each for each in stored["models"] if "why" not in each]
    found = [network, *({key: each[key] for key in network} for each in known)]
    left = {each["name"]: each["why"] for each in stored["models"] if "why" in each}
    part, ahead = _compared(found)
    scores = (test if part == "test" else validation) or {}
    telling = dict(_telling(found, part, ahead, scores, higher=higher))
    return {
        "models": found,
        "left_out": left,
        "not_beaten": {
            name: [] if name == GUESSING or len(said) == len(found[0][part]) else [*said]
            for name, said in telling.items()
        },
        "summary": [*_sentences(left, part, [*ahead], telling)],
    }


def rows(told: Told, objective: str) -> tuple[list[str], list[list[str]]]:
    """Return a header and a row for the network and each baseline.

    Args:
        told: what `beside` returned.
        objective: the name of the first objective.
    """
    found = told["models"]
    names = [n for n in {**MEASURES, **ERRORS} if any(n in each["validation"] for each in found)]
    parts = [part for part in ("validation", "test") if any(each[part] for each in found)]
    head = [_shown(name) if part == "validation" else f"test {_shown(name)}"
            for part in parts for name in names]  # fmt: skip
    body = [
        [each["name"], _number(each["value"])]
        + [_number((each[part] or {}).get(name)) for part in parts for name in names]
        for each in found
    ]
    return ["", objective, *head], body


def _compared(found: Sequence[Told]) -> tuple[str, dict[str, dict[str, str]]]:
    """Return where the network is compared, and by name in what a baseline is as good as it is."""
    network, others = found[0], found[1:]
    part = "test" if network["test"] and all(each["test"] for each in others) else "validation"
    compared = [each for each in others if network[part]]
    return part, {each["name"]: dict(_ahead(network[part], each[part])) for each in compared}


def _telling(
    found: Sequence[Told],
    part: str,
    ahead: Mapping[str, dict[str, str]],
    scores: Told,
    *,
    higher: bool,
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the baselines that the network does not beat, with what shows that of each."""
    network = Side(found[0]["value"], found[0][part] or {})
    for each in (each for each in found[1:] if each["name"] in ahead):
        said = ahead[each["name"]]
        if each["name"] == GUESSING:
            guess = Side(each["value"], each[part])
            said = guessing.no_better(network, guess, scores, said, higher=higher)
        if said:
            yield each["name"], said


def _sentences(
    left: Mapping[str, str],
    part: str,
    compared: Sequence[str],
    telling: Mapping[str, dict[str, str]],
) -> Iterator[str]:
    """Yield which baselines the network does not beat, and which are not computed."""
    where = f"on the {part} set"
    for name, said in telling.items():
        yield f"the network does not beat {name} {where}: {', '.join(said.values())}"
    if compared and not telling:
        yield f"the network beats {spelling.listed(compared)} {where}"
    for why in dict.fromkeys(left.values()):
        names = [name for name, its in left.items() if its == why]
        yield f"not computed: {spelling.listed(names)} ({why})"


def _ahead(network: Scores, other: Scores) -> Iterator[tuple[str, str]]:
    """Yield each measure in which a baseline is at least as good, and both values."""
    for name, value in other.items():
        mine = network.get(name)
        better = mine is not None and (value <= mine if name in ERRORS else value >= mine)
        if better:
            yield _shown(name), f"{_shown(name)} {_number(mine)} against {_number(value)}"


def _shown(name: str) -> str:
    return {**MEASURES, **ERRORS}[name]


def _number(value: float | None) -> str:
    return "–" if value is None else words.number(value)
