"""The page as a document: whole without script, and nothing from outside in it but text."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Hold, Outcome, Resize, Terminate
from agent.domain.observation import Evidence, Interruption, Pause
from agent.domain.prices import UnitPrices
from agent.domain.readings import Application
from agent.domain.requests import Answer, Fate, Request, Source
from agent.domain.rights import Capability, MissingRight
from agent.policy import busy
from agent.status import page
from agent.status.state import State
from agent.status.wording import duration
from tests.policy import build
from tests.status.states import NOW, because, held, state, turn

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>\x00\ud800]]>--></title></style>"


class Reader(HTMLParser):
    """What a browser would make of it: elements, their attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("code", "b", "span", "strong", "small", "time"):
            self.text += " "
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(made: State) -> Reader:
    return Reader(page.document(made))


def text_of(**observed: Any) -> str:
    return " ".join(read(state(**observed)).text.split())


def hostile() -> State:
    """Every text that anybody else may have chosen."""
    app = Application(id=HOSTILE, name=HOSTILE, state=HOSTILE, memory_used_mb=1.0)
    made = state(
        Hold((because("busy")[0].__class__(HOSTILE, HOSTILE),)),
        table=held(counts={f"LinesRejected.{HOSTILE}": 3}),
        reading=build.reading(applications=(app,), unheard=(HOSTILE,)),
        cluster=build.cluster(name=HOSTILE, state=HOSTILE, foreign_scaler=HOSTILE),
        fleet=build.fleet(state=HOSTILE),
        evidence=(Evidence(probe=HOSTILE, busy=True, detail=HOSTILE, at=NOW),),
        paused=Pause(until=NOW + 60, why=HOSTILE),
        interruption=Interruption(seen_at=NOW, action=HOSTILE, at=None),
    )
    return replace(made, now=replace(made.now, detail=HOSTILE), agent=replace(made.agent, cluster_name=HOSTILE))


def test_names_from_outside_are_text_and_never_elements() -> None:
    found = read(hostile())
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert found.text.count("<script>alert(1)</script>") > 8
    page.document(hostile()).encode("utf-8")


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_at_all_comes_out_as_one_text(name: str) -> None:
    calm = state(cluster=build.cluster(name="calm"))
    other = state(cluster=build.cluster(name=name or "x"))
    assert read(other).tags == read(calm).tags


def test_a_hold_says_why_and_for_how_long() -> None:
    text = text_of(decision=Hold(because("cooldown", "spot-shortage")))
    assert "Holding" in text
    assert "cooldown text of cooldown" in text and "spot-shortage text of spot-shortage" in text


def test_an_action_says_what_became_of_it() -> None:
    text = text_of(decision=Resize(4, 6, because("breached")), outcome=Outcome.REFUSED)
    assert "Scaling out from 4 to 6 units" in text
    assert "EMR refused it: as EMR said" in text


def test_the_end_is_said() -> None:
    assert "Ending the cluster" in text_of(decision=Terminate(because("idle")), outcome=Outcome.APPLIED)


def test_what_is_not_known_is_unknown_and_never_zero() -> None:
    text = text_of(fleet=None, cluster=None, reading=None, signals={})
    assert "Task capacity unknown" in text
    assert "Memory of the cluster unknown" in text
    assert "the cluster manager has not answered yet: the agent is blind" in text
    assert "Money, task capacity unknown" in text


def test_stale_sights_are_marked_and_not_by_colour_alone() -> None:
    text = text_of(fleet=build.fleet(at=NOW - 1e5), reading=build.reading(at=NOW - 500))
    assert text.count("stale, ") >= 2
    assert "the cluster manager's last answer is too old" in text
    assert "stale, " not in text_of()


def test_what_wants_a_person_is_said_on_top() -> None:
    right = MissingRight(
        capability=Capability.RESIZE,
        operation="ModifyInstanceFleet",
        action="elasticmapreduce:ModifyInstanceFleet",
        sid="TidemarkResizeTaskCapacity",
        since=NOW - 60,
        retry_at=NOW,
    )
    text = text_of(
        missing=(right,),
        paused=Pause(until=NOW + 600, why="maintenance"),
        cluster=build.cluster(foreign_scaler="managed scaling policy"),
        reading=build.reading(unheard=("application_7",)),
    )
    assert "add the statement TidemarkResizeTaskCapacity" in text
    assert "paused (maintenance), over in 10 min" in text
    assert "only observing: the cluster has a managed scaling policy" in text
    assert "application_7" in text


def test_requests_from_outside_are_told_with_what_became_of_them() -> None:
    asked = Request(
        id="1",
        source=Source.ALARM,
        name="heap",
        why="p90",
        asked_at=NOW - 60,
        expires_at=NOW + 60,
        cooldown_s=1,
        units=2,
    )
    made = turn(requests=(asked,))
    judged = replace(made, requests=(Answer(id="1", at=NOW, fate=Fate.WAITING, because=because("cooldown")),))
    for seen, words in ((made, "not judged yet"), (judged, "waiting: text of cooldown")):
        text = " ".join(read(state(made=seen)).text.split())
        assert f"request alarm of heap, 1 min ago {words}" in text


def test_a_pause_that_is_over_is_not_shown() -> None:
    assert "maintenance" not in text_of(paused=Pause(until=NOW - 1, why="maintenance"))


def test_each_probe_says_busy_or_idle_and_why() -> None:
    text = text_of(evidence=build.evidence(steps=True), reading=build.reading(applications=(build.app(),)))
    assert "steps: as told" in text
    assert {"busy", "idle"} <= set(text.split())
    assert "Busy no end in sight" in text


def test_idleness_counts_towards_the_end() -> None:
    text = text_of(history=build.history(idle_since=NOW - 1800))
    assert "Idle ends in 30 min" in text


def test_the_deadline_is_told_while_it_is_busy() -> None:
    settings = build.settings(idle={"terminate_after_s": 100_600})
    text = text_of(settings=settings, reading=build.reading(applications=(build.app(),)))
    assert "the deadline ends it in 10 min" in text


def test_money_is_shown_where_prices_are_known() -> None:
    text = text_of(prices=UnitPrices(at=NOW, spot=0.05, on_demand=0.2))
    assert "0.50 USD an hour" in text and "0.0500 USD an hour" in text


def test_money_that_is_known_for_a_while_only_is_not_told_as_the_whole() -> None:
    made = state()
    for usd, known_s, unknown_s, words in (
        (0.0, 60.0, 0.0, "0.00 USD in 1 min"),
        (1.5, 3600.0, 10.0, "1.50 USD in 1 h"),
        (0.0, 60.0, 30.0, "Money, task capacity unknown"),
    ):
        money = replace(made.money, usd=usd, known_s=known_s, unknown_s=unknown_s)
        text = " ".join(read(replace(made, money=money)).text.split())
        assert words in text
        assert ("Not known for" in text) == bool(unknown_s)


def test_losses_are_listed_with_their_reasons() -> None:
    text = text_of(table=held(counts={"LinesRejected.too_long": 5, "LinesRejected.no_number": 7, "LoopErrors": 1}))
    assert "LinesRejected 12 no_number 7, too_long 5" in text
    assert "No data was lost" not in text
    assert "No data was lost" in text_of(table=held())


def test_heaps_are_counted_by_tenths() -> None:
    made = state(table=held((0, 9.9, 10, 55, 99, 100)))
    assert made.executors is not None
    assert made.executors.heap == (1, 2, 0, 0, 0, 1, 0, 0, 0, 2)
    assert made.executors.reporting == 6


def test_a_shadow_that_would_have_done_something_else_is_marked() -> None:
    made = state()
    assert [(voice.policy, voice.shadow, voice.differs) for voice in made.voices] == [
        ("threshold", False, False),
        ("demand", True, True),
    ]
    assert "demand shadow Scale out: 10 → 12 differs" in " ".join(read(made).text.split())


def test_long_lists_and_texts_are_cut() -> None:
    many = tuple(replace(build.app(), id=f"application_{number}", name="n" * 5000) for number in range(500))
    made = state(reading=build.reading(applications=many, unheard=tuple(one.id for one in many)))
    assert made.manager is not None
    assert (len(made.manager.applications), made.manager.applications_total) == (20, 500)
    assert len(page.document(made)) < 100_000


def test_every_heading_labels_its_section_and_pictures_have_words() -> None:
    found = read(state(table=held()))
    assert found.tags.count("h1") == 1
    assert found.tags.count("section") == len([1 for name, _ in found.attributes if name == "aria-labelledby"]) + 1
    labelled = [value for name, value in found.attributes if name == "aria-label"]
    assert len(labelled) >= found.tags.count("svg") - 1
    ids = [value for name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_from_elsewhere() -> None:
    found = read(state(table=held()))
    links = [value or "" for name, value in found.attributes if name in ("src", "href", "action", "srcset")]
    assert {link.partition(":")[0] for link in links} == {"data", "state.json", "metrics", "healthz"}
    assert "style" not in {name for name, _ in found.attributes}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_probes_are_those_that_idleness_is_judged_by() -> None:
    assert {probe.probe for probe in state().idle.probes} >= set(busy.REQUIRED)
