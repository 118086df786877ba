"""The commands that may follow a study, ready to copy, each with what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from studyhall.search.diagnosis import more_epochs
from studyhall.search.evaluation import proof_result
from studyhall.search.study_file.sections import CONFIRM_TOP

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Around:
    """The parts of a study's results that stand beside the best trial's own record.

    Attributes:
        objective: the name of the first objective.
        higher: higher values are better.
        tried: number of trials that were compared: complete or pruned.
        storage: options that a command needs to find the same database.
        trainable: studyhall can train its trials again by a command.
        shares: it can train one on shares of the data, and has not yet.
        epochs: ``[training] epochs``.
        longer: answer to whether longer training is worth it.
        chosen: the hyperparameters that somebody or the search chose.
        chosen_by_user: the trial is not the study's best.
        model: path of the exported model; None if it isn't exported.
        missing: steps that are still to be done.
        untested: why the model has no scores on the test set; empty if it has, or may get them.
    """

    objective: str
    higher: bool = False
    tried: int = 1
    storage: str = ""
    trainable: bool = False
    shares: bool = False
    epochs: int = 0
    longer: str = more_epochs.UNKNOWN
    chosen: Mapping[str, Any] = field(default_factory=dict)
    chosen_by_user: bool = False
    model: str | None = None
    missing: Sequence[str] = ()
    untested: str = ""


def of(told: Told, around: Around) -> list[dict[str, str]]:
    """Return the commands as JSON values, the most likely first: ``command`` and ``to``."""
    return [
        {"command": f"{command}{around.storage}", "to": to} for command, to in _of(told, around)
    ]


def _of(told: Told, around: Around) -> Iterator[tuple[str, str]]:
    name, proof = quote(told["study"]), told["proof"]
    failed = proof is not None and not proof_result.holds(proof)
    if not failed and (around.model or around.missing):
        option = f" --trial {told['trial']}" if around.chosen_by_user else ""
        to = "copy the model, with best.json" if around.model else "prove and copy the model"
        yield f"studyhall best {name}{option} --export {quote(told['study'])}", to
    if not around.trainable or around.chosen_by_user:
        return
    if not (told["confirmation"] or {}).get("current"):
        top = min(CONFIRM_TOP, around.tried)
        best = "it" if top == 1 else f"the best {top}"
        yield f"studyhall confirm {name}", f"was it luck? retrain {best}"
    if around.shares:
        yield f"studyhall datacurve {name}", "would more data help?"
    yield f"studyhall refine {name} -o {quote(told['study'] + '-next.toml')}", _refined(around)


def _refined(around: Around) -> str:
    if around.longer != more_epochs.YES:
        return "write the next search"
    return f"write the next one, set epochs > {around.epochs}"
