"""The orders to workers, which they read with every epoch and every heartbeat."""

import enum

from studyhall.storage.leases import budget


class Order(enum.StrEnum):
    """The action that a worker must take with the trial that it runs."""

    GO_ON = "go on"
    PRUNE = "prune"  # a user has stopped this trial: end it as pruned
    STOP = "stop"  # a user has stopped the study: save a checkpoint, hand the trial back, exit
    TIME_UP = "time up"  # hours or gpu_hours are used up: do the same


_ORDER = """
    CASE WHEN {lease}.stop = 1 THEN 'prune' ELSE (
        SELECT CASE WHEN b.stop = 1 THEN 'stop'
            WHEN b.seconds IS NOT NULL AND {used} >= b.seconds THEN 'time up'
            WHEN b.gpu_seconds IS NOT NULL AND b.gpu_seconds_used + (
                SELECT coalesce(sum(l.devices * CASE WHEN l.trial_id = {lease}.trial_id
                    THEN :held_s ELSE l.heard_at - l.claimed_at END), 0)
                FROM studyhall_leases l WHERE l.study_id = b.study_id AND l.held = 1
                ) >= b.gpu_seconds THEN 'time up'
            ELSE 'go on' END
        FROM studyhall_budget b WHERE b.study_id = {lease}.study_id) END"""


def query(lease: str) -> str:
    """Return SQL for the order to a lease's holder; its value `held_s` is that of the lease.

    Args:
        lease: the name of a table or subquery with the columns trial_id, study_id and stop.
    """
    return _ORDER.format(lease=lease, used=budget.seconds_used("b"))
