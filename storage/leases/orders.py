"""What a worker is asked to do, as it hears with every epoch and every heartbeat."""

import enum


class Order(enum.StrEnum):
    """What a worker is asked to do with the trial that it runs."""

    GO_ON = "go on"
    PRUNE = "prune"  # somebody has stopped this trial: end it as pruned
    STOP = "stop"  # somebody has stopped the study: checkpoint, hand back, leave
    TIME_UP = "time up"  # hours or gpu_hours are used up: likewise


_ORDER = """
    CASE WHEN {lease}.stop = 1 THEN 'prune' ELSE (
        SELECT CASE WHEN b.stop = 1 THEN 'stop'
            WHEN {{now}} - b.started_at - b.idle_s >= b.seconds THEN 'time up'
            WHEN b.gpu_seconds IS NOT NULL AND b.gpu_seconds_used + (
                SELECT coalesce(sum(l.devices * ({{now}} - l.claimed_at)), 0)
                FROM studyhall_leases l WHERE l.study_id = b.study_id AND l.held = 1
                ) >= b.gpu_seconds THEN 'time up'
            ELSE 'go on' END
        FROM studyhall_budget b WHERE b.study_id = {lease}.study_id) END"""


def query(lease: str) -> str:
    """SQL for the order to the holder of the row `lease` of trial_id, study_id and stop."""
    return _ORDER.format(lease=lease)
