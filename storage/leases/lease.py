"""Workers, the terms on which they hold trials, and the leases that they hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Worker:
    """A process that runs trials.

    Args:
        name: unique in its study.
        host: the machine's name.
        pid: its process id there.
        device: where it trains, as shown to the user: "cpu", "gpu 0", a UUID.
        devices: how many devices it occupies, by which its seconds count as GPU seconds.
    """

    name: str
    host: str
    pid: int
    device: str
    devices: float = 1.0


@dataclass(frozen=True)
class Terms:
    """How leases of a study are given and kept.

    Args:
        silence_s: seconds without a sign of life after which another worker may take over.
        retries: takeovers in a row without a new epoch until the trial is failed.
        heartbeat_s: seconds between renewals.
    """

    silence_s: float = 90.0
    retries: int = 3
    heartbeat_s: float = 15.0

    @property
    def grace_s(self) -> float:
        """Seconds that a database must have been back before silence counts."""
        return min(2 * self.heartbeat_s, self.silence_s)


@dataclass(frozen=True)
class Lease:
    """The right to run one trial, until somebody else is given a higher fence."""

    trial_id: int
    number: int
    fence: int
    attempt: int
    draw: int | None
    fixed: str | None
    checkpoint: str | None
    params: str | None
    distributions: str | None
    memory_failures: int = 0  # how often it was handed back since its worker ran out of memory


@dataclass(frozen=True)
class Silent:
    """A lease whose holder fell silent or was seen to die, as it was left."""

    trial_id: int
    number: int
    fence: int  # under which it is free now
    worker: str
    host: str
    progress: int
    barren: int
    seconds: float  # how long it was held, times devices
    memory_failures: int
    stop: int  # 1: somebody wants it ended as pruned
