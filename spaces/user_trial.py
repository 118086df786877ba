"""The trial object that is passed to the user's own ``build(trial, input_shape, outputs)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from studyhall.spaces import suggestions
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.space import Space
from studyhall.spaces.spelling import as_key, as_toml

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

# User attributes that studyhall records for every trial.
OURS = (
    "batch_size", "best_epochs", "folds", "least_losses", "metrics", "model", "model_confirmed",
    "model_error", "model_fold", "model_loss", "model_repeat", "model_seed", "model_sha256",
    "model_value", "name", "objectives", "own_loss", "parameters", "predictions", "reason",
    "repeats", "seconds", "seed", "standard_error", "stopped", "training_loss", "values",
)  # fmt: skip


class UserTrial:
    """An `optuna.Trial` in which the study file takes precedence over the code.

    If a name is in ``[space]``, the constant, choices or range there replace those that
    ``trial.suggest_*`` asks for; everything else behaves as in Optuna.

    Args:
        trial: Optuna's trial.
        space: The study's ``[space]``.
        values: The values chosen so far; those that the code asks for are added.
    """

    def __init__(self, trial: BaseTrial, space: Space, values: dict[str, Value]) -> None:
        self._trial = trial
        self._entries = {entry.name: entry for entry in space.entries}
        self._values = values
        self._asked: dict[str, BaseDistribution] = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Suggest a float as `optuna.Trial.suggest_float`; a range in ``[space]`` takes precedence.

        Raises:
            UserCodeError: If the arguments differ from before, or ``[space]`` has no number here.
        """
        where = self._where("suggest_float", name)
        ends = [
            float(suggestions.number(low, where, "low")),
            float(suggestions.number(high, where, "high")),
        ]
        by = None if step is None else suggestions.number(step, where, "step")
        scale = suggestions.switch(log, where, "log")
        value = self._value(name, where, FloatDistribution(ends[0], ends[1], scale, by))
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._mismatch(name, value, "suggest_float, a number")
        return float(value)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Suggest an integer as `optuna.Trial.suggest_int`; ``[space]`` takes precedence.

        Raises:
            UserCodeError: If the arguments differ from before, or ``[space]`` has no integer here.
        """
        where = self._where("suggest_int", name)
        ends = (suggestions.whole(low, where, "low"), suggestions.whole(high, where, "high"))
        by, scale = suggestions.whole(step, where, "step"), suggestions.switch(log, where, "log")
        value = self._value(name, where, IntDistribution(*ends, scale, by))
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._mismatch(name, value, "suggest_int, a whole number")
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest a choice as `optuna.Trial.suggest_categorical`; ``[space]`` takes precedence.

        Raises:
            UserCodeError: If the choices can't be stored, or differ from before.
        """
        where = self._where("suggest_categorical", name)
        listed = suggestions.choices(choices, where)
        return self._value(name, where, CategoricalDistribution(listed))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute as `optuna.Trial.set_user_attr`; NumPy values become Python's."""
        where = self._where("set_user_attr", key)
        if key in OURS:
            raise UnusableCodeError(
                f"{where}: received a key reserved by studyhall, expected another"
            )
        self._trial.set_user_attr(key, suggestions.attribute(value, where))

    @property
    def params(self) -> dict[str, Any]:
        """The values of this trial so far, including constants of ``[space]``."""
        written = {name: self._values[name] for name in self._entries if name in self._values}
        return {**self._trial.params, **written}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def _where(self, method: str, name: object) -> str:
        return f'{method}("{suggestions.name(name, method)}")'

    def _value(self, name: str, where: str, wanted: BaseDistribution) -> Any:
        entry = self._entries.get(name)
        if entry is None:
            self._check_before(name, where, wanted)
            self._values[name] = self._suggested(name, wanted)
        elif name not in self._values:
            # Its `when` doesn't hold, but the code asks for it: suggest within the file's range.
            self._values[name] = entry.value(1, lambda each, key: each.suggest(self._trial, key))
        return self._values[name]

    def _suggested(self, name: str, wanted: Any) -> Any:
        if isinstance(wanted, CategoricalDistribution):
            return self._trial.suggest_categorical(name, wanted.choices)
        suggest = self._trial.suggest_int if isinstance(wanted, IntDistribution) else (
            self._trial.suggest_float
        )  # fmt: skip
        return suggest(name, wanted.low, wanted.high, step=wanted.step, log=wanted.log)

    def _check_before(self, name: str, where: str, wanted: BaseDistribution) -> None:
        """Refuse a distribution that conflicts with an earlier one of the same name."""
        before = self._asked.get(name, wanted)
        if suggestions.as_text(before) != suggestions.as_text(wanted):
            said = (
                f"received {suggestions.in_words(wanted)}, expected {suggestions.in_words(before)}"
            )
            again = "as earlier in this trial; two hyperparameters need two names"
            raise UnusableCodeError(f"{where}: {said}, {again}")
        self._check_other_trials(name, where, wanted)
        fixed = getattr(self._trial, "_fixed_params", {})
        if name in fixed and not _holds(wanted, fixed[name]):
            expected = f"what the code asks for: {suggestions.in_words(wanted)}"
            raise UserCodeError(
                f"[[trials]] {name}: received {as_toml(fixed[name])}, expected {expected}"
            )
        self._asked[name] = wanted

    def _check_other_trials(self, name: str, where: str, wanted: BaseDistribution) -> None:
        study = getattr(self._trial, "study", None)
        others = study.get_trials(deepcopy=False) if study is not None else []
        known = (each for each in others if each.number != self._trial.number)
        other = next((each for each in known if name in each.distributions), None)
        if other is None or _agree(other.distributions[name], wanted):
            return
        before = suggestions.in_words(other.distributions[name])
        raise UserCodeError(
            f"{where}: received {suggestions.in_words(wanted)}, expected {before}, as in trial "
            f"{other.number}: choices and scale of a name must be the same in every trial; if they "
            f'depend on other hyperparameters, use another name, such as "{name}_2"'
        )

    def _mismatch(self, name: str, value: object, asked: str) -> UserCodeError:
        received = f"[space] {as_key(name)}: received {as_toml(value)}"
        return UserCodeError(f"{received}, expected what the code asks for: {asked}")


def _agree(one: Any, other: Any) -> bool:
    """Check that samplers can use both distributions as one parameter: only ranges may differ."""
    if isinstance(one, CategoricalDistribution) or type(one) is not type(other):
        return suggestions.as_text(one) == suggestions.as_text(other)
    return bool(one.log == other.log)


def _holds(wanted: Any, value: Any) -> bool:
    """Check that a fixed value is one that the code asks for."""
    if isinstance(wanted, CategoricalDistribution):
        return any(type(each) is type(value) and each == value for each in wanted.choices)
    kinds = int if isinstance(wanted, IntDistribution) else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    return bool(number and wanted.low <= value <= wanted.high and _on_a_step(wanted, value))


def _on_a_step(wanted: Any, value: float) -> bool:
    """Return True if a value lies on the grid of the step; without a step, always."""
    steps = (value - wanted.low) / (wanted.step or 1)
    return not wanted.step or bool(abs(steps - round(steps)) < 1e-8)
