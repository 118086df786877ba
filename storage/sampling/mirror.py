"""The finished trials in memory, as an Optuna storage for Optuna's own samplers.

Nothing here reads the database: a worker updates the mirror from the feed. Its content depends only
on which trials have finished, not on the order in which the worker has learnt of them.
"""

import copy
import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.window import Window

_INFEASIBLE = "constraints:failed"  # a constraint in Optuna's form: above 0 means infeasible
DRAW = "studyhall:draw"  # system attribute: how many trials were sampled before this one
FURTHER = "studyhall:further"  # system attribute: costs of the objectives after the first
_STUDY_ID = 0


class Mirror(BaseStorage):
    """The trials of one study, as far as a sampler needs to see them.

    A failed trial appears as complete, with an infinite cost and infeasible, so that samplers avoid
    its region. With the state FAIL samplers would ignore it.

    Args:
        name: the study's name.
        window: selects the finished trials that the sampler sees.
        objectives: number of the study's objectives.
    """

    def __init__(self, name: str, window: Window, objectives: int = 1) -> None:
        self._objectives = objectives
        self._name = name
        self._window = window
        self._frozen: dict[int, FrozenTrial] = {}
        self._finished: list[FrozenTrial] | None = None  # those that are shown; None: outdated
        self._running: dict[int, FrozenTrial] = {}
        self._study_attributes: dict[str, Any] = {}

    def learn(self, finished: Sequence[Finished]) -> None:
        """Add finished trials from the feed."""
        for trial in finished:
            self._running.pop(trial.trial_id, None)
            self._window.add(trial)
        if finished:
            self._finished = None

    def show_running(self, trials: Iterable[FrozenTrial]) -> None:
        """Show these running trials to the sampler, and no others."""
        self._running = {trial._trial_id: trial for trial in trials}

    def study(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """Return an Optuna study on this storage, with the sampler of one trial."""
        return optuna.Study(self._name, self, sampler=sampler, pruner=optuna.pruners.NopPruner())

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the finished trials of the window and the running ones, sorted by number."""
        trials = sorted([*self._shown(), *self._running.values()], key=lambda trial: trial.number)
        chosen = [trial for trial in trials if states is None or trial.state in states]
        return copy.deepcopy(chosen) if deepcopy else chosen

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a running trial, or a finished one of the window.

        Raises:
            StopIteration: there is no such trial.
        """
        if trial_id in self._running:
            return self._running[trial_id]
        return next(trial for trial in self._shown() if trial._trial_id == trial_id)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Store a suggested value; the worker's next report writes it to the database."""
        trial = self._running[trial_id]
        trial.params[param_name] = distribution.to_external_repr(param_value_internal)
        trial.distributions[param_name] = distribution

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store a user attribute; the trial's result writes it to the database."""
        self._running[trial_id].user_attrs[key] = value

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store a system attribute, which a sampler sets."""
        self._running[trial_id].system_attrs[key] = value

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Store a report."""
        self._running[trial_id].intermediate_values[step] = intermediate_value

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return minimize for every objective, since the mirror holds costs."""
        return [StudyDirection.MINIMIZE] * self._objectives

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the identifier of the only study."""
        return _STUDY_ID

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the study's name."""
        return self._name

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes that samplers have set in this process."""
        return dict(self._study_attributes)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Store a system attribute of the study, in this process only."""
        self._study_attributes[key] = value

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return no attributes: the mirror has none."""
        return {}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Refuse: results are written to the database."""
        _refuse()

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Refuse: studies are created in the database."""
        _refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Refuse: trials are claimed from the database."""
        _refuse()

    def delete_study(self, study_id: int) -> None:
        """Refuse: studies are deleted in the database."""
        _refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Refuse: a trial may not set attributes of its study."""
        _refuse()

    def get_all_studies(self) -> list[Any]:
        """Refuse: the mirror holds only one study."""
        _refuse()

    def _shown(self) -> list[FrozenTrial]:
        if self._finished is None:
            # Trials decoded before are used again.
            held = [t for t in self._window.trials() if self._is_shown(t)]
            self._frozen = {t.number: self._frozen.get(t.number) or self._freeze(t) for t in held}
            self._finished = _shown(held, self._frozen)
        return self._finished

    def _is_shown(self, trial: Finished) -> bool:
        """Tell whether samplers see a trial: not pruned ones of studies with several objectives.

        Optuna's multi-objective samplers can't use them.
        """
        return self._objectives == 1 or trial.state != "PRUNED"

    def _freeze(self, trial: Finished) -> FrozenTrial:
        return _frozen(trial, self._objectives)


def _refuse() -> NoReturn:
    raise NotImplementedError(
        "the study of a running trial only shows finished trials and takes suggestions"
    )


def _frozen(trial: Finished, objectives: int) -> FrozenTrial:
    """Decode a finished trial; of a pruned one only the last report, which TPE uses."""
    params, distributions = encoding.unpack_params(trial.params, trial.distributions)
    failed = trial.state == "FAIL"
    notes = json.loads(trial.attributes)
    last: dict[int, Any] = {}
    if trial.state == "PRUNED" and trial.last_step is not None:
        last = {trial.last_step: trial.last_value}
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.trial_id,
        state=TrialState.COMPLETE if failed else TrialState[trial.state],
        value=None,
        values=_values(trial, notes, objectives),
        params=params,
        distributions=distributions,
        intermediate_values=last,
        system_attrs=notes,
        user_attrs={},
        datetime_start=None,
        datetime_complete=None,
    )


def _values(trial: Finished, notes: Mapping[str, Any], objectives: int) -> list[float] | None:
    """Return the costs of all objectives: infinite for a failed trial, None if there is none."""
    if trial.state == "FAIL":
        return [math.inf] * objectives
    return None if trial.value is None else [trial.value, *notes.get(FURTHER, ())]


def _shown(held: list[Finished], frozen: dict[int, FrozenTrial]) -> list[FrozenTrial]:
    """Leave out failed trials that lack the common parameters; mark the other ones infeasible.

    A sampler's search space is the set of parameters that all trials have: a trial that failed
    before it had sampled any would leave it empty.
    """
    names = [set(frozen[t.number].params) for t in held if t.state != "FAIL"]
    common = set.intersection(*names) if names else {"(no trial has succeeded yet)"}
    failed = {
        t.number for t in held if t.state == "FAIL" and common <= frozen[t.number].params.keys()
    }
    if failed:  # samplers want a constraint on all trials or on none
        for number, trial in frozen.items():
            trial.system_attrs[_INFEASIBLE] = float(number in failed)
    return [frozen[t.number] for t in held if t.state != "FAIL" or t.number in failed]
