"""When EMR is asked, and when it is spared."""

from __future__ import annotations

from agent.domain.faults import PermanentFault, TransientFault
from agent.settings_fleet import FleetSettings
from agent.telemetry import Telemetry
from agent.views import View

SETTINGS = FleetSettings(max_capacity_units=1, poll_period_s=300, settle_poll_period_s=20)


class Reader:
    """Answers with the number of the question, or with a fault while it is down."""

    def __init__(self) -> None:
        self.asked = 0
        self.down = False
        self.denied = False

    def __call__(self) -> int:
        self.asked += 1
        if self.down:
            raise TransientFault("throttled")
        if self.denied:
            raise PermanentFault("denied")
        return self.asked


def world() -> tuple[Reader, View[int]]:
    reader = Reader()
    return reader, View(reader, SETTINGS, Telemetry(), lambda: 0.5)


def test_for_acting_it_asks_afresh() -> None:
    reader, view = world()
    view.read_if_due(0.0)
    view.read_if_due(10.0)
    assert reader.asked == 1
    assert view.read_now(10.0)
    assert (reader.asked, view.last) == (2, 2)


def test_a_reader_that_has_just_failed_is_spared_and_there_is_no_answer_to_act_on() -> None:
    reader, view = world()
    view.read_if_due(0.0)
    reader.down = True
    assert not view.read_now(10.0)
    assert not view.read_now(11.0)
    assert reader.asked == 2, "the second question would have met the same throttle"
    reader.down = False
    assert view.read_now(40.0)
    assert view.last == 3


def test_a_refusal_is_not_hurried_and_an_answer_is() -> None:
    reader, view = world()
    reader.denied = True
    for at in range(0, 300, 10):
        view.read_if_due(float(at), hurried=True)
    assert reader.asked == 1
    reader.denied = False
    view.read_if_due(300.0, hurried=True)
    view.read_if_due(320.0, hurried=True)
    assert (reader.asked, view.last) == (3, 3)
