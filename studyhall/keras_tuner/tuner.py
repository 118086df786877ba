"""The tuners of KerasTuner: their search becomes a study, and their answers come from it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras

from studyhall.keras_tuner import building, own_oracle
from studyhall.keras_tuner import hypermodel as hypermodels
from studyhall.keras_tuner import results as kinds
from studyhall.keras_tuner.building import under as maybe_distribute
from studyhall.keras_tuner.errors import FatalError
from studyhall.keras_tuner.objective import MAX, DefaultObjective
from studyhall.keras_tuner.oracle import Oracle
from studyhall.keras_tuner.oracle_answers import STEP, identifier
from studyhall.keras_tuner.trial import Trial
from studyhall.keras_tuner.tuner_answers import BUILD, UNNAMED, TunerAnswers
from studyhall.keras_tuner.tuner_callback import TunerCallback
from studyhall.search.process.wire import LAUNCHED
from studyhall.search.scripts import alone, call, model_files, training_state
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.trial_callback import TrialCallback
from studyhall.search.study_file import objectives
from studyhall.spaces.hp.suggested import Suggested
from studyhall.storage.studies.rows import Queued

if TYPE_CHECKING:
    from studyhall.search.scripts.script_trial import ScriptTrial

__all__ = ["BaseTuner", "MultiExecutionTuner", "Tuner", "maybe_distribute"]


class Tuner(TunerAnswers):
    """The search of a KerasTuner script, as a study with exact budget and persistent trials.

    Args:
        oracle: what is searched.
        hypermodel: builds the models: a function of `hp` or a `HyperModel`.
        max_model_size: largest number of parameters; larger models fail their trials.
        optimizer, loss, metrics: replace those that the builder has compiled its models with.
        distribution_strategy: a `tf.distribute.Strategy` to build under.
        directory: part of the study's name only if the project has none: studies are in a database.
        project_name: the study's name.
        overwrite: a finished study of this name makes way for a new one.
        executions_per_trial: trainings per trial, whose mean is its value.
        kwargs: kept for scripts that give more.

    Attributes:
        oracle: what is searched, and the trials afterwards.
        hypermodel: builds the models.
    """

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any = None,
        max_model_size: int | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        distribution_strategy: Any = None,
        directory: str | None = None,
        project_name: str | None = None,
        logger: Any = None,
        tuner_id: str | None = None,
        overwrite: bool = False,
        executions_per_trial: int = 1,
        **kwargs: Any,
    ) -> None:
        if hypermodel is None and type(self).run_trial is Tuner.run_trial:
            raise ValueError(
                "hypermodel: received None, expected a builder or a run_trial override"
            )
        if kwargs:
            raise ValueError(f"Unrecognized arguments {[*kwargs]} for `BaseTuner.__init__()`.")
        own_oracle.check(oracle)
        self.oracle = oracle
        if not overwrite:
            oracle.find = self._earlier
        self.hypermodel = hypermodels.of(hypermodel)
        self.max_model_size = max_model_size
        self.optimizer, self.loss, self.metrics = optimizer, loss, metrics
        self.distribution_strategy = distribution_strategy
        self.directory = directory or "."
        self.project_name = project_name or UNNAMED
        self.overwrite = overwrite
        self.tuner_id = tuner_id or "tuner0"
        self.executions_per_trial = executions_per_trial
        self._under_way: ScriptTrial | None = None
        self._callback: TrialCallback | None = None
        if self.hypermodel is not None:
            building.explore(self.hypermodel, oracle)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Search; the arguments are those of `fit`. It returns once the budget is spent."""
        self.on_search_begin()
        self.oracle.searched = alone.search(self._call(fit_args, fit_kwargs))
        self._learn_space(fit_args, fit_kwargs)
        self.on_search_end()

    def _call(self, fit_args: tuple[Any, ...], fit_kwargs: dict[str, Any]) -> Call:
        objective, oracle = self.oracle.objective, self.oracle
        named = objectives.VALUE if type(objective) is DefaultObjective else objective.name
        of_keras = named not in (objectives.VALUE, "multi_objective")
        epochs = fit_kwargs.get("epochs", fit_args[3] if len(fit_args) > 3 else None)
        points = oracle.points(
            lambda hp: building.declare(self.hypermodel, hp, fit_args, fit_kwargs)
        )
        refused = own_oracle.refusal(oracle)
        return Call(
            name=self._study_name(),
            run=lambda trial: self._run(trial, fit_args, fit_kwargs),
            trials=len(points) or oracle.trial_count,
            objective=call.objective_of(named) if of_keras else objectives.VALUE,
            direction=objectives.MAXIMIZE if objective.direction == MAX else objectives.MINIMIZE,
            seed=(oracle.seed or 0) % 2**32,
            sampler="auto" if refused else oracle.sampler,
            refused={"sampler": refused} if refused else {},
            pruner=oracle.pruner,
            epochs=epochs or call.MOST_EPOCHS,
            repeats=self.executions_per_trial,
            queue=[*map(Queued, points)],
            measure=lambda record, path: self._measure(record, path, fit_args, fit_kwargs),
            convertible=lambda record, path: self._convertible(record, path, fit_args, fit_kwargs),
            fresh=self.overwrite,
            further=oracle.settings(),
        )

    def _run(self, under_way: ScriptTrial, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float:
        """Run one trial and return its value."""
        keras.utils.set_random_seed(under_way.seed)
        oracle = self.oracle
        hp = Suggested(
            under_way.claim.trial,
            oracle.given,
            tunes=oracle.tune_new_entries,
            note=under_way.note,
        )
        hp.values |= oracle.rounds()
        trial = Trial(hp, identifier(under_way.number))
        self._under_way, self._callback = under_way, None
        self.pre_create_trial()
        self.on_trial_begin(trial)
        # Each trial gets its own copy of the arguments: scripts change them, as `batch_size`.
        with _ending_the_search(under_way):
            returned = self.run_trial(trial, *args, **copy.copy(kwargs))
        if under_way.is_fixed:
            building.check_point(under_way.claim)
        value = self._value(trial, returned)
        under_way.attributes |= {"metrics": trial.metrics_at_best, STEP: trial.best_step}
        self._keep_model(under_way, value)
        self.on_trial_end(trial)
        return value

    def _value(self, trial: Trial, returned: Any) -> float:
        objective = self.oracle.objective
        found = self.oracle.reported.pop(trial.trial_id, None)
        if found is None or not objective.has_value(found):
            kinds.check(returned, objective, "run_trial()")
            found = kinds.metrics(returned, objective)
            trial.best_step = kinds.best_step(returned, objective)
        trial.metrics_at_best = {name: float(value) for name, value in found.items()}
        return float(objective.get_value(found))

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        """Build and train the model of a trial; return what describes its result.

        Args:
            trial: the trial.
            args, kwargs: those of `search`.
        """
        if LAUNCHED in os.environ and hypermodels.fits_as_keras(self.hypermodel):
            kwargs = {"verbose": 2, **kwargs}  # a worker's output is a file
        original = kwargs.pop("callbacks", None) or []
        found: list[Any] = []
        under_way = self._under_way
        assert under_way is not None  # search() runs trials
        found += [self._of_earlier(under_way, part) for part in range(under_way.progress.done)]
        for _ in range(under_way.progress.done, self.executions_per_trial):
            others = [*self._deepcopy_callbacks(original), TunerCallback(self, trial)]
            keras.utils.set_random_seed(under_way.seed)
            last = self._last_callback(under_way, others)
            given = {**kwargs, "callbacks": [*others, last]}
            found.append(self._build_and_fit_model(trial, *args, **given))
            if last.best is not None:
                under_way.part_ended(last.best)
        return found

    def _of_earlier(self, under_way: ScriptTrial, part: int) -> kinds.Earlier:
        """Return the metrics of a training that an earlier worker has finished."""
        epoch = under_way.progress.best_epochs[part]
        return kinds.Earlier(under_way.claim.rows[part, epoch]["metrics"], epoch - 1)

    def _last_callback(self, under_way: ScriptTrial, others: list[Any]) -> TrialCallback:
        objective = self.oracle.objective
        if self._callback is None:
            self._callback = TrialCallback(
                under_way,
                lambda logs: objective.get_value(logs) if objective.has_value(logs) else None,
            )
        self._callback.begin(others)
        return self._callback

    def _build_and_fit_model(self, trial: Trial, *args: Any, **kwargs: Any) -> Any:
        hp = trial.hyperparameters
        model = self._try_build(hp)
        assert self.hypermodel is not None
        returned = self.hypermodel.fit(hp, model, *args, **kwargs)
        kinds.check(returned, self.oracle.objective, "HyperModel.fit()")
        return returned

    def _deepcopy_callbacks(self, callbacks: Any) -> list[Any]:
        """Return copies of the script's callbacks, since each trial begins with fresh ones."""
        return [*copy.deepcopy(callbacks)]

    def _keep_model(self, under_way: ScriptTrial, value: float) -> None:
        last = self._callback
        if last is not None and getattr(last, "model", None) is not None:
            last.keep_best()
            under_way.attributes[BUILD] = training_state.shapes(last.model)
            cost = under_way.context.plan.turned(value)
            model_files.keep(under_way, last.model, cost, last.kept_cost)


@contextmanager
def _ending_the_search(under_way: ScriptTrial) -> Iterator[None]:
    """Let the search end with a trial whose `with` block raises a fatal error of the script's."""
    try:
        yield
    except FatalError:
        under_way.is_fatal = True
        raise


BaseTuner = MultiExecutionTuner = Tuner  # KerasTuner's names of what ours is, too
