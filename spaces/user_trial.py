"""The trial as the user's own ``build(trial, input_shape, outputs)`` sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from spaces.entry import Value
from spaces.failures import UserCodeError
from spaces.space import Space
from spaces.spelling import as_key, as_toml

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


class UserTrial:
    """An `optuna.Trial` in which the study file has the last word.

    ``trial.suggest_*`` may ask for anything. Where the name stands in ``[space]``, its constant,
    choices or range there replace those in the code; everything else is Optuna's own.

    Args:
        trial: Optuna's trial.
        space: The study's ``[space]``.
        values: What was chosen so far; gains what is asked for here.
    """

    def __init__(self, trial: BaseTrial, space: Space, values: dict[str, Value]) -> None:
        self._trial = trial
        self._entries = {entry.name: entry for entry in space.entries}
        self._values = values

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """As `optuna.Trial.suggest_float`; the range of ``[space]`` goes before this one."""
        value = self._value(
            name, lambda: self._trial.suggest_float(name, low, high, step=step, log=log)
        )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._mismatch(name, value, "suggest_float, a number")
        return float(value)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """As `optuna.Trial.suggest_int`; the range of ``[space]`` goes before this one."""
        value = self._value(
            name, lambda: self._trial.suggest_int(name, low, high, step=step, log=log)
        )
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._mismatch(name, value, "suggest_int, a whole number")
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """As `optuna.Trial.suggest_categorical`; the entry of ``[space]`` goes before these."""
        return self._value(name, lambda: self._trial.suggest_categorical(name, choices))

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """`suggest_float`, as older code calls it."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """`suggest_float` on a log scale, as older code calls it."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """`suggest_float` in steps, as older code calls it."""
        return self.suggest_float(name, low, high, step=q)

    @property
    def params(self) -> dict[str, Any]:
        """Every value of this trial so far, constants of ``[space]`` included."""
        written = {name: self._values[name] for name in self._entries if name in self._values}
        return {**self._trial.params, **written}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def _value(self, name: str, ask: Callable[[], Any]) -> Any:
        entry = self._entries.get(name)
        if entry is None:
            self._values[name] = ask()
        elif name not in self._values:
            # Its condition doesn't hold and yet the code asks: within the study file's range.
            self._values[name] = entry.value(1, lambda each, key: each.suggest(self._trial, key))
        return self._values[name]

    def _mismatch(self, name: str, value: object, asked: str) -> UserCodeError:
        received = f"[space] {as_key(name)}: received {as_toml(value)}"
        return UserCodeError(f"{received}, expected what the code asks for: {asked}")
