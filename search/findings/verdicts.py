"""The verdict on each trial of a study, with its evidence, its quadrant and the advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from search import creation, diagnosis
from search.creation import Stored
from search.diagnosis import Finding, Standard
from search.findings import longer, quadrant
from search.findings.advice import Remedies
from search.findings.evidence import Evidence, measure
from search.findings.quadrant import Quadrant
from search.report import curves
from search.study_file import objectives
from spaces import hyperparameters
from storage import histories, records
from storage.database import Database
from storage.records import TrialRecord
from storage.studies import Study

IMPLAUSIBLE = 10.0  # a first loss so many times smaller than that of guessing is another loss
SO_FAR = "both losses have fallen and stay close, as far as it came"
STILL_FALLING = "it was ended while the validation loss still fell"


@dataclass(frozen=True)
class Verdict:
    """What a trial's curves say, and what to do about it.

    Attributes:
        name: one of `diagnosis.VERDICTS`.
        confidence: from 0 to 1.
        shows: what the curves show, in words.
        evidence: in numbers; None where there is no epoch with a finite loss.
        quadrant: bias and variance, where there is evidence.
        advice: what to change, a sentence each.
    """

    name: str
    confidence: float
    shows: str
    evidence: Evidence | None
    quadrant: Quadrant | None
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "confidence": self.confidence,
            "shows": self.shows,
            "evidence": None if self.evidence is None else self.evidence.to_json(),
            "quadrant": None if self.quadrant is None else self.quadrant.to_json(),
            "advice": list(self.advice),
        }

    def sentence(self) -> str:
        """In words: ``overfitting (gap), 0.92 sure: the training loss leaves …``."""
        return f"{self.name}, confidence {self.confidence:g}: {self.shows}"


class Judge:
    """Judges the trials of one study.

    Args:
        stored: the study's record.
        achievable: validation loss of its best complete trial, or None.
        fitted: the least training loss at any complete trial's best epoch, or None.
    """

    def __init__(
        self, stored: Stored, achievable: float | None = None, fitted: float | None = None
    ) -> None:
        self._about = stored.inspection.about
        self._own_family = stored.file.model.family not in hyperparameters.BUILT_IN_FAMILIES
        self._human_error = stored.file.study.human_error
        self._remedies = Remedies(stored.file, self._about.get("samples", {}).get("training"))
        self._achievable, self._fitted = achievable, fitted

    def verdict(
        self,
        state: str,
        history: Sequence[Mapping[str, Any]],
        attributes: Mapping[str, Any],
        params: Mapping[str, Any],
    ) -> Verdict | None:
        """The verdict on one trial; None where its curves have nothing to do with its end.

        Args:
            state: COMPLETE, PRUNED, FAIL or RUNNING.
            history: its epochs, flat or as the database keeps them.
            attributes: those that are told with its result.
            params: what was suggested, where `attributes` has no values.
        """
        lost = str(attributes.get("reason", "")).startswith(diagnosis.NO_NUMBER)
        if state == "FAIL" and not lost:
            return None
        found = self._findings(curves.flat(history), unfinished=state in ("PRUNED", "RUNNING"))
        if lost:
            ended = Finding(diagnosis.DIVERGED, 1.0, 1.0, "a loss is no finite number")
            found = [(evidence, ended, standard) for evidence, _, standard in found[-1:]]
            if not found:
                return self._verdict(None, ended, Standard(), attributes, params)
        if not found:
            return None
        names = [finding.verdict for _, finding, _ in found]
        name = max(names, key=names.count)  # of the folds
        agreeing = [each for each in found if each[1].verdict == name]
        evidence, finding, standard = max(agreeing, key=lambda each: each[1].confidence)
        sure = mean(each.confidence for _, each, _ in agreeing) * len(agreeing) / len(found)
        summed = Finding(name, finding.degree, round(sure, 2), finding.shows)
        return self._verdict(evidence, summed, standard, attributes, params)

    def _findings(
        self, history: list[dict[str, Any]], *, unfinished: bool
    ) -> list[tuple[Evidence, Finding, Standard]]:
        """What each fold's curves say."""
        found = []
        for fold in curves.folds(history):
            evidence = measure(fold, self._guess_loss(fold))
            if evidence is not None:
                standard = self._standard(evidence.guess_loss)
                finding = diagnosis.judge(evidence, standard)
                finding = _as_far_as_it_came(finding, evidence) if unfinished else finding
                found.append((evidence, finding, standard))
        return found

    def _verdict(
        self,
        evidence: Evidence | None,
        finding: Finding,
        standard: Standard,
        attributes: Mapping[str, Any],
        params: Mapping[str, Any],
    ) -> Verdict:
        values = attributes.get("values") or params
        best = 0 if evidence is None else evidence.best_epoch
        more, _ = longer.answered(evidence, attributes.get("stopped"))
        advice = self._remedies.against(finding.verdict, values, best, more)
        return Verdict(
            finding.verdict,
            finding.confidence,
            finding.shows,
            evidence,
            None if evidence is None else quadrant.place(evidence, standard),
            () if finding.shows == SO_FAR else tuple(advice),
        )

    def _guess_loss(self, history: Sequence[Mapping[str, Any]]) -> float | None:
        """The study's, unless the user's own compiled model plainly has another loss."""
        known: float | None = self._about.get("guess_loss")
        first = curves.number(history[0], "loss") if history else 0.0
        if known and self._own_family and first < known / IMPLAUSIBLE:
            return None
        return known

    def _standard(self, unit: float) -> Standard:
        return Standard(
            None if self._achievable is None else self._achievable / unit,
            None if self._fitted is None else self._fitted / unit,
            self._human_error,
            self._about.get("samples", {}).get("validation"),
        )


def _losses(study: Study, complete: Sequence[TrialRecord]) -> list[float]:
    """Validation losses of complete trials, be they their values or not."""
    if objectives.of_study(study.config)[0] == objectives.LOSS:
        return [trial.value for trial in complete if trial.value is not None]
    found = [curves.number(trial.attributes.get("metrics", {}), "val_loss") for trial in complete]
    return [loss for loss in found if loss == loss]


def judge(study: Study, trials: Sequence[TrialRecord]) -> Judge:
    """The judge of a study, who knows what its trials have achieved."""
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    losses = [curves.number(trial.attributes.get("metrics", {}), "loss") for trial in complete]
    return Judge(
        creation.stored(study),
        min(_losses(study, complete), default=None),
        min((loss for loss in losses if loss == loss), default=None),
    )


def of_study(
    db: Database, study: Study, trials: Sequence[TrialRecord]
) -> dict[int, Verdict | None]:
    """The verdict on each trial, by its number."""
    judging, epochs = judge(study, trials), histories.of_study(db, study)
    return {trial.number: _of(judging, trial, epochs.get(trial.trial_id, [])) for trial in trials}


def of_trial(
    db: Database, study: Study, trials: Sequence[TrialRecord], trial: TrialRecord
) -> Verdict | None:
    """The verdict on one trial among all of its study."""
    return _of(judge(study, trials), trial, records.history(db, trial.trial_id))


def _of(judging: Judge, trial: TrialRecord, history: Sequence[Mapping[str, Any]]) -> Verdict | None:
    return judging.verdict(trial.state, history, trial.attributes, trial.params)


def _as_far_as_it_came(finding: Finding, evidence: Evidence) -> Finding:
    """A trial that was not allowed to go on is not blamed for what it might have come to."""
    falls = evidence.fall > 2 * evidence.noise and evidence.rise == 0
    if finding.verdict == diagnosis.UNDERFIT and falls:
        return Finding(diagnosis.CUT_SHORT, finding.degree, finding.confidence / 2, STILL_FALLING)
    if finding.verdict == diagnosis.CUT_SHORT:
        return Finding(diagnosis.CUT_SHORT, finding.degree, finding.confidence, STILL_FALLING)
    if finding.verdict == diagnosis.GOOD:
        return Finding(finding.verdict, finding.degree, finding.confidence, SO_FAR)
    return finding
