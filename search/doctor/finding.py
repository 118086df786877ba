"""A finding of the doctor and the advice on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        about: the subject: "trial 7", "database", "artifacts", …
        says: the finding, which follows the subject in a sentence.
        do: the consequence, or the advice to the user.
        needs_you: True for a problem that only the user can solve.
    """

    about: str
    says: str
    do: str = ""
    needs_you: bool = False

    @property
    def line(self) -> str:
        """The whole line: subject, finding and advice."""
        return f"{self.about} {self.says}" + (f": {self.do}" if self.do else "")


def size(count: float) -> str:
    """Return a number of bytes in a suitable unit: `12.3 MiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"
