"""The models that a tuner builds, and its answers once its search has ended."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from studyhall.keras_tuner import building, validation
from studyhall.keras_tuner.hypermodel import HyperModel
from studyhall.keras_tuner.oracle import Oracle
from studyhall.keras_tuner.oracle_answers import VALUES, identifier
from studyhall.keras_tuner.trial import Trial, TrialStatus
from studyhall.keras_tuner.tuner_events import TunerEvents
from studyhall.search.display.terminal import say
from studyhall.search.scripts import answers, earlier, model_files, session
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.storage.database import private_files

if TYPE_CHECKING:
    from studyhall.storage.queries.records import TrialRecord

UNNAMED = "untitled_project"
BUILD = "build"  # attribute of a trial: the shapes that its model was built for


class TunerAnswers(TunerEvents):
    """The answers of a tuner, which come from the study's database.

    The attributes are those of `Tuner`.
    """

    oracle: Oracle
    hypermodel: HyperModel | None
    max_model_size: int | None
    optimizer: Any
    loss: Any
    metrics: Any
    distribution_strategy: Any
    directory: str
    project_name: str

    def _try_build(self, hp: HyperParameters) -> Any:
        keras.backend.clear_session()
        return building.checked(self._build_hypermodel(hp), self.max_model_size)

    def _build_hypermodel(self, hp: HyperParameters) -> Any:
        assert self.hypermodel is not None
        with building.under(self.distribution_strategy):
            model = self.hypermodel.build(hp)
            building.compile_anew(model, self.optimizer, self.loss, self.metrics)
        return model

    def reload(self) -> None:
        """Answer from now on from the study of an earlier run of the script, if there is one."""
        self.oracle.searched = self._earlier() or self.oracle.searched
        self._learn_space((), {})

    def _learn_space(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Add to the space what only some trials have declared, such as layers in a loop."""
        oracle = self.oracle
        if self.hypermodel is None or oracle.searched is None:
            return
        complete = [t for t in answers.every(oracle.searched) if t.state == "COMPLETE"]
        for record in complete:
            known = {each.name for each in oracle.hyperparameters.space}
            if record.attributes.get(VALUES, {}).keys() <= known:
                continue
            hp = oracle.hyperparameters_of(record)
            with suppress(Exception):  # a builder that draws may fail with what has trained once
                building.declare(self.hypermodel, hp, args, kwargs)
            oracle.update_space(hp)

    def _study_name(self) -> str:
        """Return the project's name; the folder's where the script leaves it to KerasTuner."""
        if self.project_name != UNNAMED:
            return self.project_name
        folder = Path(self.directory).name
        return folder or session.script_name()

    def _earlier(self) -> Searched | None:
        """Return the study that an earlier run of the script has searched, or None."""
        return earlier.find(self._study_name())

    def search_space_summary(self, extended: bool = False) -> None:
        """Print the hyperparameters that are searched."""
        space = self.oracle.get_space().space
        say("Search space summary", f"Default search space size: {len(space)}")
        for each in space:
            config = each.get_config()
            name = config.pop("name")
            say(f"{name} ({each.kind})", str(config))

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[HyperParameters]:
        """Return the hyperparameters of the best trials, the best first."""
        return [each.hyperparameters for each in self.oracle.get_best_trials(num_trials)]

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """Return the trained models of the best trials, the best first."""
        best = self.oracle.get_best_trials(num_models)
        return [self.load_model(each) for each in best if each.status == TrialStatus.COMPLETED]

    def load_model(self, trial: Trial) -> Any:
        """Return the trained model of a trial: built anew, with the weights of its best epoch.

        Raises:
            ConfigError: its model was not kept.
        """
        searched = self.oracle.known()
        assert searched is not None  # a trial comes from a search
        record = next(r for r in answers.every(searched) if identifier(r.number) == trial.trial_id)
        return self._loaded(record, answers.model_file(searched, record))

    def _loaded(self, record: TrialRecord, path: Path) -> Any:
        model = self._try_build(self.oracle.hyperparameters_of(record))
        if not model.built:
            model.build_from_config(record.attributes[BUILD])
        model_files.load_weights(model, path)
        return model

    def _measure(
        self, record: TrialRecord, path: Path, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> float:
        """Measure the model of a trial again, on the validation set of the script's `fit`.

        Raises:
            ConfigError: the script's `fit` has none, or does not measure the objective on it.
        """
        if self.hypermodel is None:
            raise ConfigError([f"{self.project_name}: run_trial trains without a builder"])
        model = self._loaded(record, path)
        return validation.measured(model, self.oracle.objective, args, kwargs, self.project_name)

    def _convertible(
        self, record: TrialRecord, path: Path, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Return the model of a trial, and the inputs of the validation set.

        Raises:
            ConfigError: there is no builder, or no such inputs.
        """
        if self.hypermodel is None:
            raise ConfigError([f"{self.project_name}: run_trial trains without a builder"])
        inputs = validation.inputs(args, kwargs, self.project_name)
        return self._loaded(record, path), inputs

    def results_summary(self, num_trials: int = 10) -> None:
        """Print the best trials."""
        say("Results summary", f"Results in {self.project_dir}")
        say(f"Showing {num_trials} best trials", f"{self.oracle.objective}")
        for trial in self.oracle.get_best_trials(num_trials):
            say("")
            trial.summary()

    @property
    def remaining_trials(self) -> int | None:
        """The number of trials that are still to come."""
        return self.oracle.remaining_trials()

    @property
    def project_dir(self) -> str:
        """The folder that KerasTuner would write to; nothing of the study is there."""
        return str(Path(self.directory) / self.project_name)

    def get_trial_dir(self, trial_id: str) -> str:
        """Return a folder for files that a script writes about a trial, made if it is missing."""
        folder = Path(self.project_dir) / f"trial_{trial_id}"
        private_files.make_folder(folder)
        return str(folder)
