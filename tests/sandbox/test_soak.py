"""One simulated day of the soak: 3,000 launches, pools and jobs, 100 watchers, everything going wrong that can."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from rich.console import Console

from benchmarks.soak.chance import Rates
from benchmarks.soak.run import soak


@pytest.fixture
def silent() -> Iterator[None]:
    """A day has thousands of remarks."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.story
@pytest.mark.timeout(900)
def test_a_day_leaves_no_orphan_no_double_no_lost_job_and_no_throttle(silent: None) -> None:
    quiet = Console(quiet=True)
    found = soak(days=1, launches=3000, jobs=2500, watchers=100, seed=1, rates=Rates(), console=quiet)
    assert not found.faults
    world = found.world
    # the day was as bad as it should be
    assert world.chance.deaths > 50
    assert world.queue.lost > 200 and world.queue.twice > 500
    assert world.counts["Lost.CORE"] > 5
    assert sum(found.launch_states.values()) == 3000 and sum(found.job_states.values()) == 2500


def test_without_the_sweep_the_soak_would_notice(silent: None) -> None:
    """What is lost on the way is found by the sweep alone, so a soak without it fails: it can."""
    rates = Rates(event_lost=0.3, sweep_lost=1.0, schedule_lost=1.0)
    found = soak(days=1, launches=40, jobs=10, watchers=0, seed=1, rates=rates, console=Console(quiet=True))
    assert found.faults
