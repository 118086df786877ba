"""The best trial as lines and tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType

from studyhall.search.display import score_tables, tables, words
from studyhall.search.evaluation import baseline_text, outcome_text, pareto, proof_result
from studyhall.search.evaluation.best import PLAIN, Best, model_source, to_json
from studyhall.storage.queries.records import TrialRecord

MOST_CLASSES = 20  # a larger confusion matrix doesn't fit a terminal; the JSON has it in any case


def shown(best: Best, *, full: bool = False) -> list[RenderableType]:
    """Return the best trial for the terminal: three answers, the last 20 lines of a launch.

    Args:
        best: the best trial.
        full: say all else that is known of it, too.
    """
    told = to_json(best)["outcome"]
    parts: list[RenderableType] = [
        f"{_whose(best)}: {outcome_text.hyperparameters(told) or 'all values are defaults'}",
        *outcome_text.shown(told, _head(best), best.storage),
    ]
    return [*parts, "", *_rest(best)] if full else [*parts, _left_out(best)]


def _head(best: Best) -> str:
    """Return which trial it is, its value, and that of its model where it is another."""
    trial, model = best.trial, model_source(best.trial.attributes)
    at = words.reached(trial.best_epoch, trial.epochs, trial.attributes.get("best_epochs"))
    value = f"{best.objective} {words.number(trial.value)}"
    called = f"trial {words.called(trial.number, words.name(trial))}, {value}"
    if model is None or model["of"] is None:
        return f"{called} {at}".rstrip()
    return f"{called}; its model, {model['of']}, {words.number(model['value'])}"


def _left_out(best: Best) -> str:
    """Return what the short form leaves out, and how to see it."""
    classes = any("confusion" in (found or {}) for found in _scores(best))
    known = {
        "verdict": best.verdict is not None,
        "advice": best.verdict is not None and bool(best.verdict.advice),
        "scores per class, confusion": classes,
        "all baselines": best.baselines is not None,
        "Pareto front": bool(best.pareto),
    }
    shows = [name for name, there in known.items() if there] or ["each hyperparameter"]
    return f" --full    shows {', '.join(shows)}"


def _scores(best: Best) -> list[dict[str, Any] | None]:
    return [best.out_of_fold, best.test and best.test["scores"]]


def _rest(best: Best) -> list[RenderableType]:
    """Return what else is known of the best trial."""
    trial = best.trial
    parts: list[RenderableType] = [*_parts(trial), _values(best.chosen)]
    if best.verdict:
        parts.append(f"verdict  {best.verdict.sentence()}")
    if best.verdict and best.verdict.advice:
        parts.append(f"advice   {'; '.join(best.verdict.advice)}")
    if best.proof and not best.failed:
        parts.append(_proof(best.proof, best.objective))
    if best.test:
        parts += _test(best.test)
    if best.out_of_fold:
        parts.append(f"folds  {score_tables.sentence(best.out_of_fold)}, out-of-fold")
    if best.baselines and best.proof and not best.failed:
        parts += baselines(best.baselines, best.objective)
    if best.folder and best.load and tuple(best.load) != PLAIN:
        parts.append(f"load   in its folder: {'; '.join(best.load)}")
    if best.pareto:
        parts.append("Pareto front: no trial is better than these in every objective")
        parts.append(tables.table(*pareto.rows(pareto.to_json(best.pareto))))
    return parts


def _proof(proof: dict[str, Any], objective: str) -> str:
    told = (
        f"proof  reloaded in a fresh process: {proof['reloaded']:.7g}, recorded "
        f"{proof['recorded']:.7g}, difference {proof['difference']:.1e}"
    )
    said = proof_result.compared(proof, objective)
    return f"{told}; {said}" if said else told


def baselines(told: dict[str, Any], objective: str) -> list[RenderableType]:
    """Return the network beside its baselines, and what that says of it."""
    said = [f"baselines  {line}" for line in told["summary"]]
    return [*said, tables.table(*baseline_text.rows(told, objective))]


def _whose(best: Best) -> str:
    """Return the heading of the trial: the study's best, or chosen by the user."""
    chosen = best.winner is not None and best.winner.chosen
    return (
        f"chosen from {best.study.name}, not its best" if chosen else f"best of {best.study.name}"
    )


def _parts(trial: TrialRecord) -> list[str]:
    """Return the line on what the value averages, and which of the trainings gave the model."""
    about = trial.attributes
    trainings = {key: about[key] for key in ("folds", "repeats") if key in about}
    if not trainings:
        return []
    counts = " × ".join(f"{len(values)} {name}" for name, values in trainings.items())
    said = f"the mean of {counts}, standard error {words.number(about.get('standard_error'))}"
    model = model_source(about)
    if model is None:
        return [said]
    return [f"{said}; the model is {model['of']}: {words.number(model['value'])}"]


def _values(values: dict[str, Any]) -> RenderableType:
    return tables.table((), [(name, words.value(value)) for name, value in values.items()])


def _test(test: dict[str, Any]) -> list[RenderableType]:
    found = test["scores"]
    times = "once" if test["times"] == 1 else f"{test['times']} times by this study"
    lines: list[RenderableType] = [
        f"test   set used {times}: {score_tables.sentence(found)}",
        tables.table(*score_tables.rows(found)),
    ]
    if len(found.get("classes", [])) > MOST_CLASSES or "confusion" not in found:
        return lines
    return [*lines, tables.table(*score_tables.confusion_rows(found))]
