"""The `hp` of a KerasTuner script: declared hyperparameters, and a value for each active one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from studyhall.spaces.hp import kinds
from studyhall.spaces.hp.conditions import Parent
from studyhall.spaces.hp.kinds import HyperParameter


class HyperParameters:
    """A space of hyperparameters and their current values; `build(hp)` declares and reads them.

    Attributes:
        values: the value of each active hyperparameter, by name.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._declared: dict[str, list[HyperParameter]] = defaultdict(list)
        self._space: list[HyperParameter] = []
        self._conditions: list[Parent] = []
        self._scopes: list[str] = []

    @property
    def space(self) -> list[HyperParameter]:
        """The hyperparameters declared so far, in order."""
        return self._space

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Prefix the names declared in a `with` block: ``name/…``."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Make what is declared in a `with` block active only for some values of another one.

        Raises:
            ValueError: there is no hyperparameter of that name.
        """
        full = self._full(parent_name)
        if full not in self._declared:
            raise ValueError(f"`HyperParameter` named: {full} not defined.")
        self._conditions.append(Parent.of(full, parent_values))
        try:
            yield
        finally:
            self._conditions.pop()

    def is_active(self, hyperparameter: str | HyperParameter) -> bool:
        """Return True if its conditions hold; for a name, those of any of that name."""
        if isinstance(hyperparameter, HyperParameter):
            return all(each.is_active(self.values) for each in hyperparameter.conditions)
        return any(map(self.is_active, self._declared.get(str(hyperparameter), ())))

    def get(self, name: str) -> Any:
        """Return the current value.

        Raises:
            ValueError: it is inactive.
            KeyError: there is none of that name.
        """
        full = self._full(name)
        if full in self.values:
            return self.values[full]
        if full in self._declared:
            raise ValueError(f"{full} is currently inactive.")
        raise KeyError(f"{full} does not exist.")

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __contains__(self, name: object) -> bool:
        return self._full(str(name)) in self.values

    def Int(  # noqa: N802 - the names are KerasTuner's
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a whole number between two ends; None while inactive."""
        ends: dict[str, Any] = {"min_value": min_value, "max_value": max_value}
        given = {**ends, "step": step, "sampling": sampling, "default": default}
        return self._value(kinds.Int, name, (parent_name, parent_values), given)

    def Float(  # noqa: N802
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return a number between two ends; None while inactive."""
        ends: dict[str, Any] = {"min_value": min_value, "max_value": max_value}
        given = {**ends, "step": step, "sampling": sampling, "default": default}
        return self._value(kinds.Float, name, (parent_name, parent_values), given)

    def Choice(  # noqa: N802
        self,
        name: str,
        values: Sequence[Any],
        ordered: bool | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return one of the values; None while inactive."""
        given = {"choices": values, "ordered": ordered, "default": default}
        return self._value(kinds.Choice, name, (parent_name, parent_values), given)

    def Boolean(  # noqa: N802
        self,
        name: str,
        default: bool = False,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """Return True or False; None while inactive."""
        return self._value(kinds.Boolean, name, (parent_name, parent_values), {"default": default})

    def Fixed(  # noqa: N802
        self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None
    ) -> Any:
        """Return the value, which is not searched; None while inactive."""
        return self._value(kinds.Fixed, name, (parent_name, parent_values), {"value": value})

    def copy(self) -> HyperParameters:
        """Return a copy whose values can be changed without changing these."""
        other = HyperParameters()
        other.take(self)
        return other

    def take(self, other: HyperParameters) -> None:
        """Take over what another one has declared, and its values."""
        for each in other.space:
            self.declare(each)
        self.values.update(other.values)

    def get_config(self) -> dict[str, Any]:
        """Return the space and the values as plain data."""
        space = [{"class_name": each.kind, "config": each.get_config()} for each in self._space]
        return {"space": space, "values": dict(self.values)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HyperParameters:
        """Return the space and the values that `get_config` has described."""
        hp = HyperParameters()
        for each in config["space"]:
            hp.declare(kinds.from_config(each))
        hp.values.update(config["values"])
        return hp

    def merge(
        self, hps: HyperParameters | Iterable[HyperParameter], overwrite: bool = True
    ) -> None:
        """Take over hyperparameters; those that are active get their defaults.

        Args:
            hps: the hyperparameters, or a space of them.
            overwrite: False if what is known already stays as it is.
        """
        for each in [*hps.space] if isinstance(hps, HyperParameters) else hps:
            known = [one for one in self._declared[each.name] if self._same(one, each)]
            if known and not overwrite:
                continue
            for one in known:
                self._forget(one)
            self.declare(each)
            if self.is_active(each) and (overwrite or each.name not in self.values):
                self.values[each.name] = each.default

    def ensure_active_values(self) -> None:
        """Give random values to active hyperparameters that have none; drop inactive ones."""
        for each in self.space:
            if not self.is_active(each):
                self.values.pop(each.name, None)
            elif each.name not in self.values:
                self.values[each.name] = each.random_sample()

    def _forget(self, hyperparameter: HyperParameter) -> None:
        self._declared[hyperparameter.name].remove(hyperparameter)
        self._space.remove(hyperparameter)

    def _value(
        self,
        kind: type[HyperParameter],
        name: str,
        parent: tuple[str | None, Any],
        given: dict[str, Any],
    ) -> Any:
        """Declare a hyperparameter, unless it is declared already, and return its value."""
        parent_name, parent_values = parent
        scope = nullcontext() if parent_name is None else (
            self.conditional_scope(parent_name, parent_values)
        )  # fmt: skip
        with scope:
            wanted = kind(name=self._full(name), conditions=tuple(self._conditions), **given)
            known = next((h for h in self._declared[wanted.name] if self._same(h, wanted)), None)
            return self._current(known or self.declare(wanted))

    def of_name(self, name: str) -> list[HyperParameter]:
        """Return the hyperparameters of a name, which differ by their conditions."""
        return self._declared[name]

    def declare(self, hyperparameter: HyperParameter) -> HyperParameter:
        """Take over a hyperparameter, without giving it a value."""
        self._declared[hyperparameter.name].append(hyperparameter)
        self._space.append(hyperparameter)
        return hyperparameter

    def _current(self, hyperparameter: HyperParameter) -> Any:
        """Return the value of an active hyperparameter; None if it is inactive."""
        if not self.is_active(hyperparameter):
            return None
        if hyperparameter.name not in self.values:
            self.values[hyperparameter.name] = self._chosen(hyperparameter)
        return self.values[hyperparameter.name]

    def _chosen(self, hyperparameter: HyperParameter) -> Any:
        """Return the value of one that has none yet; here, its default."""
        return hyperparameter.default

    @staticmethod
    def _same(one: HyperParameter, other: HyperParameter) -> bool:
        return one.conditions == other.conditions

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, str(name)])
