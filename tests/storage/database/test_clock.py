"""The time for which a process has seen its database's clock run steadily."""

from hypothesis import given
from hypothesis import strategies as st

from studyhall.storage.database.clock import ClockWatch

TOLERANCE_S = 20.0
pauses = st.floats(0.1, 5000.0)
steps = st.floats(21.0, 1e6) | st.floats(-1e6, -21.0)


@given(st.lists(pauses, min_size=1, max_size=8), steps, st.lists(pauses, min_size=1, max_size=8))
def test_it_counts_from_the_last_time_that_the_clock_was_set(
    before: list[float], step: float, after: list[float]
) -> None:
    mine, now = [1000.0], 1.7e9
    clock = ClockWatch(lambda: mine[0])
    assert clock.steady_s(now, TOLERANCE_S) == 0.0
    for pause in before:
        mine[0], now = mine[0] + pause, now + pause
        steady = clock.steady_s(now, TOLERANCE_S)
    assert abs(steady - sum(before)) < 1e-3
    now += step
    for count, pause in enumerate(after):
        mine[0], now = mine[0] + pause, now + pause
        steady = clock.steady_s(now, TOLERANCE_S)
        assert abs(steady - sum(after[1 : count + 1])) < 1e-3


@given(st.lists(st.tuples(pauses, st.floats(-9.0, 9.0)), min_size=1, max_size=8))
def test_what_a_request_takes_does_not_count(looks: list[tuple[float, float]]) -> None:
    mine = [1000.0]
    clock = ClockWatch(lambda: mine[0])
    clock.steady_s(1.7e9, TOLERANCE_S)
    for pause, late in looks:
        mine[0] += pause
        steady = clock.steady_s(1.7e9 + mine[0] - 1000.0 + late, TOLERANCE_S)
        assert abs(steady - (mine[0] - 1000.0)) < 1e-3


def test_an_outage_begins_it_anew() -> None:
    mine = [0.0]
    clock = ClockWatch(lambda: mine[0])
    clock.steady_s(0.0, TOLERANCE_S)
    mine[0] = 50.0
    assert clock.steady_s(50.0, TOLERANCE_S) == 50.0
    clock.restart()
    assert clock.steady_s(50.0, TOLERANCE_S) == 0.0
