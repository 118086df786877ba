"""The kinds of hyperparameters that a KerasTuner script declares, each with its possible values."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from studyhall.spaces.hp.conditions import Parent, standard

SAMPLINGS = ("linear", "log", "reverse_log")
EVENLY = [(index + 0.5) / 10 for index in range(10)]  # of a range without a step, for a grid


@dataclass(frozen=True, kw_only=True)
class HyperParameter:
    """A hyperparameter: a name, a default and the conditions under which it is active.

    Two hyperparameters of one name differ if their conditions differ.
    """

    kind: ClassVar[str] = ""

    name: str
    default: Any = None
    conditions: tuple[Parent, ...] = ()

    @property
    def values(self) -> Sequence[Any]:
        """The possible values; of a range without a step, some that are evenly spread."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return what describes it, by the names of the arguments that declare it."""
        return {key: value for key, value in vars(self).items() if key != "conditions"} | {
            "conditions": [each.get_config() for each in self.conditions]
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HyperParameter:
        """Return the hyperparameter that `get_config` has described."""
        conditions = tuple(map(Parent.from_config, config.get("conditions", ())))
        return cls(**{**config, "conditions": conditions})

    def prob_to_value(self, prob: float) -> Any:
        """Return the value below which a share of random ones would lie."""
        return self.values[int(prob * len(self.values))]

    def random_sample(self, seed: int | None = None) -> Any:
        """Return a random value."""
        return self.prob_to_value(random.Random(seed).random())

    def under(self, conditions: Sequence[Parent]) -> HyperParameter:
        """Return the same hyperparameter under other conditions."""
        return replace(self, conditions=tuple(conditions))


@dataclass(frozen=True, kw_only=True)
class Fixed(HyperParameter):
    """A value that is not searched."""

    kind = "Fixed"
    value: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.value, int | float | str):
            raise ValueError(
                f"Fixed(name={self.name!r}): received {self.value!r}, expected an int, float, str "
                "or bool"
            )
        object.__setattr__(self, "default", self.value)

    @property
    def values(self) -> Sequence[Any]:
        """The one value."""
        return (self.value,)


@dataclass(frozen=True, kw_only=True)
class Boolean(HyperParameter):
    """True or False; the default is False."""

    kind = "Boolean"
    default: Any = False

    @property
    def values(self) -> Sequence[Any]:
        """True and False."""
        return (True, False)

    def prob_to_value(self, prob: float) -> bool:
        """Return False for the lower half of the shares."""
        return prob >= 0.5


@dataclass(frozen=True, kw_only=True)
class Choice(HyperParameter):
    """One of a list of values of one type; the default is the first."""

    kind = "Choice"
    choices: Sequence[Any] = ()
    ordered: bool | None = None

    def __post_init__(self) -> None:
        if not len(self.choices):
            raise ValueError(f"Choice(name={self.name!r}): received no values, expected some")
        if len({type(value) for value in self.choices}) > 1:
            raise TypeError(
                f"Choice(name={self.name!r}): received {[*self.choices]}, expected values of one "
                "type"
            )
        kept = tuple(standard([*self.choices]))
        numbers = isinstance(kept[0], int | float)
        if self.ordered and not numbers:
            raise ValueError("`ordered` must be `False` for non-numeric types.")
        default = kept[0] if self.default is None else standard([self.default])[0]
        if default not in kept:
            raise ValueError(
                f"Choice(name={self.name!r}): received default={default!r}, expected one of {kept}"
            )
        object.__setattr__(self, "choices", kept)
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "ordered", numbers if self.ordered is None else self.ordered)

    @property
    def values(self) -> Sequence[Any]:
        """The choices."""
        return self.choices

    def get_config(self) -> dict[str, Any]:
        """Return what describes it, by the names of the arguments that declare it."""
        config = super().get_config()
        choices = config.pop("choices")
        return {**config, "values": [*choices]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HyperParameter:
        """Return the hyperparameter that `get_config` has described."""
        named = {"choices" if key == "values" else key: value for key, value in config.items()}
        return super().from_config(named)


@dataclass(frozen=True, kw_only=True)
class Range(HyperParameter):
    """A number between two ends, both included.

    Attributes:
        min_value, max_value: the ends.
        step: distance between two values; with a logarithmic sampling the factor between them.
        sampling: "linear", "log" (dense near the lower end) or "reverse_log" (near the upper end).
    """

    min_value: Any
    max_value: Any
    step: Any = None
    sampling: str = "linear"

    def __post_init__(self) -> None:
        sampling = str(self.sampling or "linear").lower()
        object.__setattr__(self, "sampling", sampling)
        for wrong, received, expected in (
            (self.min_value > self.max_value, f"min_value={self.min_value}",
             f"at most the max_value, {self.max_value}"),
            (sampling not in SAMPLINGS, f"sampling={sampling!r}", f"one of {SAMPLINGS}"),
            (sampling != "linear" and self.min_value <= 0, f"min_value={self.min_value}",
             f"more than 0 with sampling={sampling!r}"),
            (sampling != "linear" and self.step is not None and self.step <= 1,
             f"step={self.step}", f"more than 1 with sampling={sampling!r}"),
        ):  # fmt: skip
            if wrong:
                said = f"received {received}, expected {expected}"
                raise ValueError(f"{self.kind}(name={self.name!r}): {said}")
        if self.default is None:
            object.__setattr__(self, "default", self.min_value)

    @property
    def values(self) -> Sequence[Any]:
        """The values on the steps; without a step, some that are evenly spread."""
        if self.step is None:
            return list(dict.fromkeys(self._number(self._at(share)) for share in EVENLY))
        return [self._number(self._on(index)) for index in range(self._count())]

    def prob_to_value(self, prob: float) -> Any:
        """Return the value below which a share of random ones would lie."""
        return super().prob_to_value(prob) if self.step else self._number(self._at(prob))

    def _number(self, value: float) -> Any:
        return float(value)

    def _count(self) -> int:
        if self.sampling == "linear":
            return int((self.max_value - self.min_value) // self.step + 1)
        # A power of the step may come out just below the whole number that it is.
        return int(math.log(self.max_value / self.min_value, self.step) + 1e-8) + 1

    def _on(self, index: int) -> float:
        if self.sampling == "linear":
            return float(self.min_value + index * self.step)
        power = self.min_value * math.pow(self.step, index)
        return self._mirrored(power) if self.sampling == "reverse_log" else float(power)

    def _at(self, share: float) -> float:
        """Return the value below which this share of random ones would lie."""
        low, high = self.min_value, self.max_value + self._beyond
        if self.sampling == "linear":
            return float(low + share * (high - low))
        if self.sampling == "log":
            return float(low * math.pow(high / low, share))
        return float(high + low - low * math.pow(high / low, 1 - share))

    @property
    def _beyond(self) -> int:
        return 0

    def _mirrored(self, value: Any) -> Any:
        return self.max_value + self.min_value - value


@dataclass(frozen=True, kw_only=True)
class Int(Range):
    """A whole number between two ends; the default is the lower one."""

    kind = "Int"

    def __post_init__(self) -> None:
        for argument in ("min_value", "max_value", "step"):
            value = getattr(self, argument)
            if value is not None and int(value) != value:
                raise ValueError(
                    f"{argument} must be an int, found: {value} of type {type(value).__name__}"
                )
            object.__setattr__(self, argument, None if value is None else int(value))
        if self.step is None and (self.sampling or "linear").lower() == "linear":
            object.__setattr__(self, "step", 1)
        super().__post_init__()

    def _number(self, value: float) -> Any:
        return int(value)

    @property
    def _beyond(self) -> int:
        return 1  # whole numbers are cut off, so that the last one gets its share


@dataclass(frozen=True, kw_only=True)
class Float(Range):
    """A number between two ends; the default is the lower one."""

    kind = "Float"

    def __post_init__(self) -> None:
        object.__setattr__(self, "min_value", float(self.min_value))
        object.__setattr__(self, "max_value", float(self.max_value))
        super().__post_init__()


KINDS = {each.kind: each for each in (Int, Float, Choice, Boolean, Fixed)}


def from_config(described: Mapping[str, Any]) -> HyperParameter:
    """Return the hyperparameter of a class name and what its `get_config` has described."""
    return KINDS[described["class_name"]].from_config(described["config"])
