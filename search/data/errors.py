"""The user's mistakes about data: one line each, all of them at once."""

from collections.abc import Iterable

from studyhall.spaces.spelling import visible


class DataError(ValueError):
    """The data cannot be used as they are.

    Attributes:
        problems: one line each, `[data] key: received …, expected …`.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = [visible(problem, keep="\t") for problem in problems]
        super().__init__("\n".join(self.problems))


def problem(key: str, received: str, expected: str) -> str:
    """One mistake in one line."""
    return f"[data] {key}: received {received}, expected {expected}"


def refusal(key: str, received: str, expected: str) -> DataError:
    """An error of a single problem, ready to be raised."""
    return DataError([problem(key, received, expected)])


def shortened(names: Iterable[str], limit: int = 12) -> str:
    """The first names of a list that may be long."""
    listed = list(names)
    more = f", … ({len(listed)} in all)" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
