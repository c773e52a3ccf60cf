"""Loops that are watched: which one is stuck, which one failed, and how they stop."""

from __future__ import annotations

import threading
import time

import pytest

from agent.domain.ports import Beat
from agent.loops import MAX_FAILURES_IN_A_ROW, Loops, periodic
from agent.telemetry import Telemetry
from tests.running import wait_for


@pytest.fixture
def release() -> threading.Event:
    return threading.Event()


def test_a_loop_that_does_not_come_round_is_stuck_and_named(release: threading.Event) -> None:
    def blocked(beat: Beat, stop: threading.Event) -> None:
        release.wait()

    loops = Loops()
    loops.add("blocked", blocked, limit_s=0.2)
    loops.start()
    try:
        wait_for(loops.stuck, "the blocked loop is seen")
        assert "blocked has not come round" in str(loops.stuck())
        (standing,) = loops.standing()
        assert (standing.name, standing.limit_s, standing.failed) == ("blocked", 0.2, False)
        assert standing.silent_s > 0.2
    finally:
        release.set()
        loops.stop(5)


def test_a_loop_that_beats_is_not_stuck(release: threading.Event) -> None:
    beats = 0

    def lively(beat: Beat, stop: threading.Event) -> None:
        nonlocal beats
        while not stop.wait(0.01):
            beat()
            beats += 1

    loops = Loops()
    loops.add("lively", lively, limit_s=60)
    loops.start()
    wait_for(lambda: beats > 20, "twenty beats")
    assert loops.stuck() is None
    loops.stop(5)


def test_a_loop_that_raises_has_failed_and_is_named() -> None:
    def broken(beat: Beat, stop: threading.Event) -> None:
        raise RuntimeError("a bug")

    loops = Loops()
    loops.add("broken", broken, limit_s=60)
    loops.start()
    wait_for(loops.stuck, "the failure is seen")
    assert loops.stuck() == "broken failed"
    loops.stop(5)


def test_a_stop_may_wait_for_one_loop_alone(release: threading.Event) -> None:
    def slow(beat: Beat, stop: threading.Event) -> None:
        release.wait()

    def quick(beat: Beat, stop: threading.Event) -> None:
        stop.wait()
        ended.set()

    ended = threading.Event()
    loops = Loops()
    loops.add("slow", slow, limit_s=60)
    loops.add("quick", quick, limit_s=60)
    loops.start()
    loops.stop(60, first="quick")
    assert ended.is_set()
    release.set()
    loops.stop(5)


def test_one_bad_step_is_counted_and_the_next_one_comes() -> None:
    telemetry, stop = Telemetry(), threading.Event()
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == 1:
            raise RuntimeError("once")
        stop.set()

    periodic("turn", 0.01, step, telemetry)(lambda: None, stop)
    assert steps == 2
    assert telemetry.counts()["LoopErrors"] == 1


def test_a_few_bad_steps_in_a_row_end_the_loop() -> None:
    telemetry = Telemetry()

    def step() -> None:
        raise RuntimeError("always")

    with pytest.raises(RuntimeError):
        periodic("turn", 0.0, step, telemetry)(lambda: None, threading.Event())
    assert telemetry.counts()["LoopErrors"] == MAX_FAILURES_IN_A_ROW


def test_a_stop_does_not_wait_for_a_body_that_may_be_cut_short(release: threading.Event) -> None:
    ended = threading.Event()

    def long_poll(beat: Beat, stop: threading.Event) -> None:
        release.wait()
        ended.set()

    loops = Loops()
    loops.add("poll", long_poll, limit_s=60, waited_for=False)
    loops.start()
    loops.stop(60)
    assert not ended.is_set()
    release.set()
    wait_for(ended.is_set, "the body's own end")


@pytest.mark.parametrize(("chance", "shortest", "longest"), [(0.0, 0.9, 0.99), (1.0, 1.1, 60.0)])
def test_a_loop_with_jitter_pauses_a_tenth_less_or_more(chance: float, shortest: float, longest: float) -> None:
    """Of a second; how much more depends on the machine, how much less does not."""
    steps: list[float] = []
    loops = Loops()
    body = periodic("some", 1.0, lambda: steps.append(time.monotonic()), Telemetry(), lambda: chance)
    loops.add("some", body, limit_s=60)
    loops.start()
    wait_for(lambda: len(steps) == 2, "two steps")
    loops.stop(5)
    assert shortest <= steps[1] - steps[0]
    assert chance == 0 or steps[1] - steps[0] <= longest
