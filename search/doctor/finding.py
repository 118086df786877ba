"""One thing that the doctor has found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        about: "trial 7", "database", "artifacts", …
        says: what was found.
        do: what follows from it, or what the user may do.
        needs_you: whether it stays as it is unless the user does that.
    """

    about: str
    says: str
    do: str = ""
    needs_you: bool = False

    @property
    def line(self) -> str:
        """All of it."""
        return f"{self.about} {self.says}" + (f": {self.do}" if self.do else "")


def size(count: float) -> str:
    """Bytes for people: `12.3 MiB`."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} GiB"
