"""The outcome of a study, as data: what did I get, can I trust it, what next?

Terminal, Markdown, HTML and JSON all tell the outcome from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studyhall.search.evaluation import intervals, next_steps, proof_result, uses_of_test_set
from studyhall.search.evaluation.baseline_text import NETWORK
from studyhall.search.evaluation.guessing import GUESSING
from studyhall.search.evaluation.next_steps import Around
from studyhall.search.evaluation.score_cells import cell, number
from studyhall.spaces import spelling

Told = Mapping[str, Any]
VALIDATION, TEST = "validation", "test"
PARTS = (VALIDATION, TEST)
# By key of the scores: name, and whether higher is better.
MEASURES = {
    "accuracy": ("accuracy", True),
    "f1": ("mean F1", True),
    "rmse": ("RMSE", False),
    "mae": ("MAE", False),
    "loss": ("loss", False),
}
BASELINES = ("gradient-boosted trees", GUESSING)  # told beside; the others stand below


@dataclass(frozen=True)
class Measured:
    """One score of one model on validation and test set, each a dict of value, low and high."""

    of: str
    measure: str
    higher: bool
    parts: dict[str, dict[str, float | None] | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"of": self.of, "measure": self.measure, **self.parts}


def of(told: Told, around: Around) -> dict[str, Any]:
    """Return the outcome of a study as JSON values.

    Args:
        told: the best trial, as `best.to_json` returns it but for the outcome.
        around: what its study says.
    """
    scores = [*_scores(told, around)]
    return {
        "objective": around.objective,
        "scores": [each.to_json() for each in scores],
        "baselines": _not_beaten(told["baselines"] or {}),
        "trust": [*_trust(told, around, scores)],
        "next": next_steps.of(told, around),
        "hyperparameters": dict(around.chosen),
        "model": around.model,
    }


def _scores(told: Told, around: Around) -> Iterator[Measured]:
    """Yield the scores of the model, the most telling first, then those of its baselines."""
    parts: dict[str, Told] = {VALIDATION: _validation(told), TEST: _of_test(told)}
    names = [
        key for key in MEASURES if any(_value(found, key) is not None for found in parts.values())
    ]
    if "loss" in names or around.objective == "accuracy":  # two rows are enough; more stand below
        names = [key for key in names if key not in ("f1", "mae")]
    for key in names:
        found = {part: _told(parts[part], key) for part in PARTS}
        if key == "loss" and found[VALIDATION] is None and around.objective == "validation loss":
            found[VALIDATION] = {"value": told["value"], "low": None, "high": None}
        yield Measured(NETWORK, *MEASURES[key], found)
        if key == names[0]:
            yield from _baselines(told, key)
    if not names and "value" in parts[TEST]:
        objective = around.objective.removeprefix("validation ")
        yield Measured(NETWORK, objective, around.higher, {
            VALIDATION: {"value": told["value"], "low": None, "high": None},
            TEST: {"value": parts[TEST]["value"], "low": None, "high": None},
        })  # fmt: skip


def _not_beaten(baselines: Told) -> list[str]:
    """Return a sentence that names the baselines which the network does not beat, if any."""
    found = baselines.get("not_beaten") or {}
    names = [f"{name} ({', '.join(some)})" if some else name for name, some in found.items()]
    return [f"it does not beat {spelling.listed(names)}"] if names else []


def _baselines(told: Told, key: str) -> Iterator[Measured]:
    models = {each["name"]: each for each in (told["baselines"] or {}).get("models", [])}
    for name in (name for name in BASELINES if name in models):
        found = {
            part: None
            if (value := (models[name][part] or {}).get(key)) is None
            else {"value": value, "low": None, "high": None}
            for part in PARTS
        }
        yield Measured(name, *MEASURES[key], found)


def _validation(told: Told) -> Told:
    """Return the scores on the validation set; with folds, those of every sample."""
    proof = told["proof"]
    proven = proof["scores"] if proof and proof_result.holds(proof) else None
    folds: Told | None = told["out_of_fold"]
    return folds or proven or {}


def _of_test(told: Told) -> Told:
    return (told["test"] or {}).get("scores") or {}


def _value(found: Told, key: str) -> float | None:
    value = found.get("macro", {}).get("f1") if key == "f1" else found.get(key)
    return None if value is None else float(value)


def _told(found: Told, key: str) -> dict[str, float | None] | None:
    value = _value(found, key)
    if value is None:
        return None
    low, high = intervals.of_score(key, found) or (None, None)
    return {"value": value, "low": low, "high": high}


def _trust(told: Told, around: Around, scores: list[Measured]) -> Iterator[str]:
    """Yield sentences: how far choice, proof, use of the test set and luck may mislead."""
    proof = told["proof"]
    if proof and not proof_result.holds(proof):
        tested = told["test"] is not None
        yield from proof_result.sentences(told["study"], proof, around.storage, tested=tested)
        return
    yield _choice(around, scores)
    if proof:
        said = proof_result.compared(proof, around.objective)
        yield f"{_proof(proof)}; {said}" if said else _proof(proof)
    elif around.missing:
        yield f"not done yet: {', '.join(around.missing)}"
    if told["test"]:
        yield uses_of_test_set.used(told["test"], told["test_uses"])
    elif around.untested:
        yield f"test {around.untested}"
    if told["confirmation"]:
        yield from _confirmed(told["confirmation"])
    elif around.tried > 1 and around.trainable:
        yield "not confirmed: with new seeds another trial may be the best"


def _confirmed(found: Told) -> list[str]:
    """Return what the confirmation came to: mean and interval of the winner over new seeds."""
    first = found["trials"][0] if found["current"] else None
    if first is None or first["trial"] != found["winner"]:
        return list(found["summary"])
    mean = {"value": first["mean"], "low": first["low"], "high": first["high"]}
    said = f"confirmed with {spelling.counted(len(first['values']), 'new seed')}: mean "
    ranked = sum(each["mean"] is not None for each in found["trials"])
    said += f"{cell('', mean)}, {f'the best of {ranked}' if ranked > 1 else 'the only one'}"
    if not found["equals"]:
        return [said]
    others = spelling.counted_as(len(found["equals"]), "trial")
    return [f"{said}; its lead over {others} {spelling.listed(found['equals'])} may be chance"]


def _choice(around: Around, scores: list[Measured]) -> str:
    """Return how much the choice among trials flatters the validation scores of the best one."""
    own = (each for each in scores if each.of == NETWORK)
    first = next((each for each in own if all(each.parts.get(part) for part in PARTS)), None)
    if around.chosen_by_user:
        said = "you chose this trial, not the search"
    elif around.tried == 1:
        said = "it is the only trial, but its epoch was chosen on the validation set"
    else:
        flatters = "flatters" if first is not None and _falls(first) else "may flatter"
        said = f"the best of {around.tried} trials on the validation set, which {flatters} it there"
    if first is None:
        return f"{said}: a test score would say how far that flatters it"
    valid, test = (number(first.measure, (first.parts[part] or {})["value"]) for part in PARTS)
    return f"{said}: {first.measure} {valid} against {test} on the test set{_overlap(first)}"


def _falls(measured: Measured) -> bool:
    """Return whether a score is worse on the test set."""
    valid, test = ((measured.parts[part] or {})["value"] for part in PARTS)
    if valid is None or test is None:
        return False
    return test < valid if measured.higher else test > valid


def _overlap(measured: Measured) -> str:
    """Return whether a lower test score may be chance; empty if no interval tells."""
    if not _falls(measured):
        return ", which is no worse"
    ends = [(measured.parts[part] or {}).get(end) for part in PARTS for end in ("low", "high")]
    if None in ends:
        return ""
    low, high, least, most = (float(end or 0.0) for end in ends)
    chance = low <= most and least <= high
    return ", a gap that may be chance" if chance else ", a gap too wide for chance"


def _proof(proof: Told) -> str:
    off = proof["difference"]
    if not off:
        return "proven: reloaded in a fresh process, its model scores exactly the same"
    if not proof["recorded"]:
        return f"proven: reloaded in a fresh process, its model scores the same, but for {off:.0e}"
    share = off / abs(proof["recorded"])
    return (
        f"proven: reloaded in a fresh process, its model scores the same within {share:.0e} of it"
    )


def rows(told: Told) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows of the scores of an outcome, side by side."""
    found = told["scores"]
    several = any(each[part] and each[part]["low"] is not None for each in found for part in PARTS)
    sure = " (95 %)" if several else ""
    body = [
        [_label(each), *(cell(each["measure"], each[part]) for part in PARTS)] for each in found
    ]
    return ["", f"validation{sure}", f"test{sure}"], body


def _label(each: Told) -> str:
    return each["measure"] if each["of"] == NETWORK else f"  {each['of']}"
