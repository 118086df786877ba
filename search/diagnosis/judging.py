"""The verdicts on the trials of a study, each with evidence, quadrant and advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from studyhall.search.data import baseline
from studyhall.search.diagnosis import best_losses, more_epochs, quadrant, rules
from studyhall.search.diagnosis.advice import MOST, Remedies
from studyhall.search.diagnosis.best_losses import Reached
from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import Evidence, measure
from studyhall.search.diagnosis.rules import Judgement
from studyhall.search.diagnosis.script_advice import ScriptRemedies
from studyhall.search.diagnosis.trained import SO_FAR, Trained, as_it_ended
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import curves, words
from studyhall.search.study import record
from studyhall.search.study.record import Stored
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.space import read_space
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

OWN_LOSS = "own_loss"  # attribute: the loss with which the user's own code compiled the model


class Judge:
    """The judge of one study's trials.

    Args:
        stored: the study's record.
        trials: the losses that its complete trials reached.
    """

    def __init__(self, stored: Stored, trials: Iterable[Reached] = ()) -> None:
        self._about, self._file = stored.inspection.about, stored.file
        self._constants = _constants(stored.file)
        samples = self._about.get("samples", {}).get("training")
        self._remedies: Remedies | ScriptRemedies = Remedies(stored.file, samples)
        if stored.by_script:
            self._remedies = ScriptRemedies(stored.file)
        self._reached = best_losses.by_weights(trials)

    def verdict(
        self,
        state: str,
        history: Sequence[Mapping[str, Any]],
        attributes: Mapping[str, Any],
        params: Mapping[str, Any],
    ) -> Verdict | None:
        """Judge one trial.

        Args:
            state: COMPLETE, PRUNED, FAIL or RUNNING.
            history: its epochs, flat or in the form of the database.
            attributes: the attributes recorded with its result.
            params: its parameters in Optuna: what was searched, or asked for by the user's code.

        Returns:
            The verdict; None if it failed for a reason other than its losses, or has no epochs.
        """
        lost = str(attributes.get("reason", "")).startswith(rules.NO_NUMBER)
        if state == "FAIL" and not lost:
            return None
        values = {**self._constants, **(attributes.get("values") or params)}
        trained = Trained(values, attributes, frozenset(params), state)
        found = self._findings(curves.flat(history), trained)
        if lost:
            ended = Judgement(rules.DIVERGED, 1.0, 1.0, rules.LOST)
            found = [(evidence, ended, standard) for evidence, _, standard in found[-1:]]
            if not found:
                return self._verdict(None, ended, Standard(), trained)
        if not found:
            return None
        names = [judgement.verdict for _, judgement, _ in found]
        name = max(names, key=names.count)  # majority of the folds
        agreeing = [each for each in found if each[1].verdict == name]
        evidence, judgement, standard = max(agreeing, key=lambda each: each[1].confidence)
        sure = mean(each.confidence for _, each, _ in agreeing) * len(agreeing) / len(found)
        summed = Judgement(name, judgement.degree, round(sure, 2), judgement.shows)
        return self._verdict(evidence, summed, standard, trained)

    def _findings(
        self, history: list[dict[str, Any]], trained: Trained
    ) -> list[tuple[Evidence, Judgement, Standard]]:
        """Judge each fold's curves."""
        found, guess_loss = [], self._guess_loss(trained)
        for fold in curves.folds(history):
            evidence = measure(fold, guess_loss, alike=not trained.unlike)
            if evidence is not None:
                standard = self._standard(evidence, trained, int(fold[0].get("fold", 0)))
                judgement = rules.judge(evidence, standard)
                found.append((evidence, as_it_ended(judgement, evidence, trained), standard))
        return found

    def _verdict(
        self,
        evidence: Evidence | None,
        judgement: Judgement,
        standard: Standard,
        trained: Trained,
    ) -> Verdict:
        best, epochs = (0, 0) if evidence is None else (evidence.best_epoch, evidence.epochs)
        more, _ = more_epochs.answered(evidence, trained.attributes.get("stopped"))
        advice = self._remedies.against(
            judgement.verdict, trained.values, best, more, epochs, trained.asked, trained.ended
        )
        return Verdict(
            judgement.verdict,
            judgement.confidence,
            f"{judgement.shows}{trained.unlike}",
            evidence,
            self._quadrant(evidence, judgement, standard),
            () if judgement.shows.endswith(SO_FAR) else tuple(advice),
        )

    def _quadrant(
        self, evidence: Evidence | None, judgement: Judgement, standard: Standard
    ) -> quadrant.Quadrant | None:
        """Return bias and variance; None where they would contradict the verdict of a good fit."""
        if evidence is None:
            return None
        found = quadrant.place(evidence, standard, self._remedies.human_error)
        fits = found is None or not found.is_biased or judgement.verdict != rules.GOOD
        return found if fits else None

    def _guess_loss(self, trained: Trained) -> float | None:
        """Return the loss of guessing for this trial; None if it is not known."""
        own = trained.attributes.get(OWN_LOSS)
        own_family = self._file.model.is_own
        if own is None and own_family and "values" not in trained.attributes:
            return None  # still running: whether the user's code compiles the model is unknown
        return baseline.of_trial(self._about, self._file.training.loss, trained.values, own)

    def _standard(self, evidence: Evidence, trained: Trained, part: int) -> Standard:
        best, unit = self._reached.get(best_losses.weights(trained.values)), evidence.unit
        fitted = None if best is None else best.fitted
        return Standard(
            None if best is None else best.of_part(part) / unit,
            None if fitted is None else fitted / unit,
            self._file.study.human_error,
            self._about.get("samples", {}).get("validation"),
            self._about.get("guess_error"),
        )


def _constants(file: StudyFile) -> dict[str, Any]:
    """Return the constants of ``[space]``, which every trial of the study has."""
    entries = read_space(dict(file.space), family=file.model.family).entries
    return {
        each.name: list(each.layers) or each.choices[0]
        for each in entries
        if each.constant and not each.when
    }


def judge(study: Study, trials: Sequence[TrialRecord]) -> Judge:
    """Return the judge of a study, with the losses that its trials reached."""
    stored = record.stored(study)
    return Judge(stored, best_losses.of_trials(study.config, trials, _constants(stored.file)))


def of_study(
    db: Database, study: Study, trials: Sequence[TrialRecord]
) -> dict[int, Verdict | None]:
    """Judge every trial of a study; return the verdicts by the trials' numbers."""
    judging, epochs = judge(study, trials), records.histories(db, study)
    best = _best(study, trials)
    return {
        trial.number: _of(judging, trial, epochs.get(trial.trial_id, []), best) for trial in trials
    }


def of_trial(
    db: Database,
    study: Study,
    trials: Sequence[TrialRecord],
    trial: TrialRecord,
    *,
    won: bool = False,
) -> Verdict | None:
    """Judge one trial by the standard of all trials of its study.

    Args:
        db: database of the study.
        study: the study.
        trials: all its trials.
        trial: the trial.
        won: a confirmation has chosen it, whichever is the best trial of the search.
    """
    history = records.history(db, trial.trial_id)
    best = trial if won else _best(study, trials)
    return _of(judge(study, trials), trial, history, best)


def _of(
    judging: Judge,
    trial: TrialRecord,
    history: Sequence[Mapping[str, Any]],
    best: TrialRecord | None,
) -> Verdict | None:
    verdict = judging.verdict(trial.state, history, trial.attributes, trial.params)
    if verdict is None or verdict.name != rules.GOOD or trial.state != "COMPLETE":
        return verdict
    if best is None or best.number == trial.number:
        return verdict
    return replace(verdict, advice=(_unlike(trial, best),))


def _best(study: Study, trials: Iterable[TrialRecord]) -> TrialRecord | None:
    return next(iter(records.best_first(trials, study)), None)


def _unlike(trial: TrialRecord, best: TrialRecord) -> str:
    """Return what the best trial has otherwise than another whose training shows no fault."""
    here = trial.params
    others = [
        f"{name} {words.value(value)} (here {words.value(here[name]) if name in here else 'none'})"
        for name, value in best.params.items()
        if here.get(name) != value
    ]
    if not others:
        return f"the best trial of the search, {best.number}, has the same, and another seed"
    return f"the best trial of the search, {best.number}, has {', '.join(others[:MOST])}"
