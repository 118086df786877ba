"""The user's own losses, metrics and callbacks of a study, loaded and tried once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.process import handover
from studyhall.search.study_file.losses import AS_GIVEN, MULTICLASS
from studyhall.search.study_file.own_code import CALLBACKS, FORMS, LOSS, METRIC, Named
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import own_measures
from studyhall.search.training.own_measures import AsGiven, OwnLoss, OwnMetric
from studyhall.spaces import hyperparameters, training_code, user_code
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UserCodeError
from studyhall.spaces.space import Space
from studyhall.spaces.training_code import Callbacks
from studyhall.spaces.training_forms import Label

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

TRIED = 256  # most samples of the validation set on which losses and metrics are tried


@dataclass(frozen=True)
class Loaded:
    """The thing that a file of the user's has under a name.

    Attributes:
        named: where the study file names it.
        found: the function, class or object.
    """

    named: Named
    found: Any

    @property
    def label(self) -> Label:
        """Its name in messages."""
        return self.named.label


class OwnCode:
    """The user's own code for the training of a study's models.

    Args:
        loaded: what the study file names.
        as_given: gives losses and metrics the targets of the user's data.
    """

    def __init__(self, loaded: list[Loaded], as_given: AsGiven) -> None:
        self._as_given = as_given
        self._by_role = {
            role: [each for each in loaded if each.named.role == role] for role in FORMS
        }

    def __bool__(self) -> bool:
        return any(self._by_role.values())

    @property
    def has_loss(self) -> bool:
        """True if the study file names a loss of the user's."""
        return bool(self._by_role[LOSS])

    def loss(self, reference: str | None = None) -> OwnLoss | None:
        """Return the user's loss, for `compile`; None if the study file names none.

        Args:
            reference: as the study file names it; default: the first.
        """
        for each in self._by_role[LOSS]:
            if reference in (None, each.named.reference):
                with each.label.blamed():
                    own = training_code.loss(each.found)
                    return own_measures.loss(own, self._as_given, each.named.name, each.label)
        return None

    def metrics(self, reference: str | None = None) -> list[OwnMetric]:
        """Return new metrics of the user's, for `compile`, also those that are objectives.

        Args:
            reference: as the study file names a single one; default: all.
        """
        made = []
        for each in self._by_role[METRIC]:
            if reference in (None, each.named.reference):
                with each.label.blamed():
                    own = user_code.call(training_code.metric, each.found)
                made.append(own_measures.metric(own, self._as_given, each.named.name, each.label))
        return made

    def callbacks(
        self, trial: BaseTrial, space: Space, values: dict[str, Value], family: str
    ) -> Callbacks | None:
        """Return the maker of a trial's callbacks; None if the study file names none.

        Args:
            trial: suggests hyperparameters, if the user's function takes it.
            space: the search space.
            values: hyperparameters chosen so far; what the function asks for is added.
            family: family of the model.

        Raises:
            NamedCodeError: the user's function fails.
        """
        from studyhall.spaces.user_trial import UserTrial  # needs Optuna, which takes a while

        for each in self._by_role[CALLBACKS]:
            if not training_code.takes_trial(each.found):
                return Callbacks(each.found, (), each.label)
            before = dict(values)
            made = Callbacks(each.found, (UserTrial(trial, space, values),), each.label)
            made.make_ready()
            _check_unchanged(before, values, family, each.label)
            return made
        return None

    def refuse_compiled(self, family: str) -> None:
        """Refuse losses and metrics beside a builder that compiles its models itself.

        Raises:
            NamedCodeError: the study file names some.
        """
        for each in (*self._by_role[LOSS], *self._by_role[METRIC]):
            wanted = f'none: "{family}" compiles its models with losses and metrics of its own'
            if each.named.key == "[study] objective":
                wanted = f'the name of a metric with which "{family}" compiles its models'
            raise Label(each.label.received, wanted).error("which can't apply")

    def try_out(self, data: Data) -> None:
        """Measure random predictions of validation samples; see what makes the callbacks.

        For several targets only the model can tell which predictions belong to a loss.

        Raises:
            NamedCodeError: something fails, or returns no number.
        """
        if data.task != AS_GIVEN:
            self._measure(*_random(data))
        for each in self._by_role[CALLBACKS]:
            with each.label.blamed():
                training_code.takes_trial(each.found)

    def _measure(self, y: NDArray[Any], predicted: NDArray[np.float32]) -> None:
        if (loss := self.loss()) is not None:
            own_measures.tried(loss, y, predicted)
        for metric in self.metrics():
            own_measures.tried(metric, y, predicted)
            metric.reset_state()


def load(file: StudyFile, data: Data, folder: Path) -> OwnCode:
    """Load the user's own code for training, and try it.

    Args:
        file: the study file.
        data: the study's data.
        folder: folder that the paths of the code start from.

    Raises:
        NamedCodeError: some of it can't be used; the message names key, file and name.
    """
    given = data.given
    loaded = [Loaded(named, _found(named, folder)) for named in file.own_code]
    code = OwnCode(loaded, AsGiven(given.shape, given.dtype, given.table))
    if code:
        code.try_out(data)
    return code


def _check_unchanged(
    before: Mapping[str, Value], values: Mapping[str, Value], family: str, label: Label
) -> None:
    """Check that callbacks ask for no hyperparameter that the model was built and compiled with.

    Raises:
        NamedCodeError: they do, and got another value than the model has.
    """
    known = hyperparameters.known(family)
    changed = [name for name, value in values.items() if before.get(name) != value]
    for name in [name for name in changed if name in known or name in before]:
        expected = "it in [space], or another name"
        raise label.error(f"it asks for {name}, which the model has already; expected {expected}")


def _found(named: Named, folder: Path) -> Any:
    try:
        if handover.is_handed(named.reference):
            return handover.fetched(named.reference)
        return user_code.load_any(named.reference, folder, FORMS[named.role])
    except (UserCodeError, handover.NotHandedError) as error:
        raise named.label.error(error) from error.__cause__


def _random(data: Data) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return some targets of the validation set, coded, and random predictions for them."""
    y = data.validation.y[:TRIED]
    drawn = np.random.default_rng(0).uniform(0.05, 0.95, (len(y), data.outputs))
    if data.task == MULTICLASS:
        drawn /= drawn.sum(axis=1, keepdims=True)
    return y, drawn.astype(np.float32)
