"""The best trial as lines and tables for the terminal."""

from __future__ import annotations

import time
from typing import Any

from rich.console import RenderableType

from studyhall.search.display import score_tables, tables, words
from studyhall.search.evaluation import baseline_text, pareto, proof_result
from studyhall.search.evaluation.best import PLAIN, Best, model_source
from studyhall.search.evaluation.winner import Winner
from studyhall.spaces import hyperparameters
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

MOST_CLASSES = 20  # a larger confusion matrix doesn't fit a terminal; the JSON has it in any case


def shown(best: Best) -> list[RenderableType]:
    """Return the best trial as lines and tables for the terminal."""
    trial = best.trial
    parts: list[RenderableType] = [
        f"{_whose(best)}: trial {words.called(trial.number, words.name(trial))}, "
        f"{best.objective} {words.number(trial.value)} "
        f"{words.reached(trial.best_epoch, trial.epochs, trial.attributes.get('best_epochs'))}",
        *_parts(trial),
        _values(_chosen(best)),
    ]
    if best.verdict:
        parts.append(f"verdict  {best.verdict.sentence()}")
    if best.verdict and best.verdict.advice:
        parts.append(f"advice   {'; '.join(best.verdict.advice)}")
    if best.proof and not best.failed:
        parts.append(
            f"proof  reloaded in a fresh process: {best.proof['reloaded']:.7g}, recorded "
            f"{best.proof['recorded']:.7g}, difference {best.proof['difference']:.1e}"
        )
    if best.winner and best.winner.confirmation:
        parts += best.winner.confirmation.sentences()
    if best.test:
        parts += _test(best.test)
    elif best.winner and best.locked and not best.failed:
        parts.append(f"test   {_kept(best.winner, best.study, _option(best))}")
    if best.out_of_fold:
        parts.append(f"folds  {score_tables.sentence(best.out_of_fold)}, out-of-fold")
    if best.baselines and best.proof and not best.failed:
        parts += baselines(best.baselines, best.objective)
    if best.folder:
        parts.append(f"model  {best.folder / best.model}")
        if best.load and tuple(best.load) != PLAIN:
            parts.append(f"load   in its folder: {'; '.join(best.load)}")
    if best.pareto:
        parts.append("Pareto front: no trial is better than these in every objective")
        parts.append(tables.table(*pareto.rows(pareto.to_json(best.pareto))))
    if best.missing:
        how = f"to do it: studyhall best {best.study.name}{_option(best)} --export FOLDER"
        parts.append(f"not done yet: {', '.join(best.missing)}; {how}")
    if best.proof and best.failed:
        parts += proof_result.sentences(best.study.name, best.proof, tested=best.test is not None)
    return parts


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


def _option(best: Best) -> str:
    """Return the command-line option that names this trial, unless it is the winner."""
    chosen = best.winner is not None and best.winner.chosen
    return f" --trial {best.trial.number}" if chosen else ""


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


def _chosen(best: Best) -> dict[str, Any]:
    """Return the values that the study file or the user's function set; the JSON has them all."""
    file, asked = best.study.config["file"], best.trial.params
    written = [*file["space"], *asked]
    values = best.trial.attributes.get("values") or asked
    return hyperparameters.chosen(values, written, file["model"]["family"])


def _values(values: dict[str, Any]) -> RenderableType:
    return tables.table((), [(name, words.value(value)) for name, value in values.items()])


def _kept(found: Winner, study: Study, option: str) -> str:
    """Return the reason why this model has no scores on the test set."""
    if not found.scorings and found.chosen:
        return "set not used: it is reserved for the best trial, unless that one can't be proven"
    if not found.scorings:
        return "set not used: it is reserved for the winner, which is not final yet"
    last = found.scorings[-1]
    at = time.strftime("%Y-%m-%d", time.localtime(last.scored_at))
    scores = f": {score_tables.sentence(last.scores)}" if last.scores else ""
    return (
        f"set was used for another model, of trial {last.trial}, on {at} by {last.who}{scores}; "
        f"to test this one as well: studyhall best {study.name}{option} --again"
    )


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
