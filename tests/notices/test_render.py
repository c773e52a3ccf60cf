"""What a message looks like whatever names and answers there are in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.decisions import Reason
from agent.notices.render import message, subject
from agent.sinks.notices import MAX_TEXT_BYTES
from tests.notices.build import a_notice

ANY = st.text(st.characters(), max_size=300)
"""Lone surrogates, control characters and line breaks included."""


@given(ANY, ANY, ANY, ANY)
def test_names_of_others_bring_no_line_and_no_control_character_of_their_own(
    name: str, headline: str, text: str, detail: str
) -> None:
    notice = a_notice(headline=headline, because=(Reason("breached", text),), advice=detail, facts={"detail": detail})
    found = message(notice, "j-1", name, {})
    plain = message(a_notice(advice="advice" if detail else ""), "j-1", "nightly", {})
    for shown in (found.text, found.json, *found.attributes.values()):
        shown.encode("utf-8")
        assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert all("\n" not in value for value in found.attributes.values())
    assert len(found.text.split("\n")) == len(plain.text.split("\n"))
    data = json.loads(found.json)
    assert all(one.isprintable() for one in (data["headline"], data["facts"]["detail"], data["because"][0]["text"]))


def test_no_json_is_cut_for_its_size() -> None:
    reasons = tuple(Reason("breached", "\N{WAVE DASH}" * 100_000) for _ in range(10))
    found = message(a_notice(because=reasons, advice="y" * 300_000), "j-1", "x" * 256, {})
    assert len(found.json.encode()) < MAX_TEXT_BYTES


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nightly", "Tidemark: nightly is ended now"),
        ("x" * 256, "Tidemark: " + "x" * 74 + ".. is ended now"),
        ("夜間", "Tidemark: j-1 is ended now"),
        ("", "Tidemark: j-1 is ended now"),
        ("a\nb", "Tidemark: a b is ended now"),
    ],
)
def test_a_subject_says_what_happened_whatever_the_name(name: str, expected: str) -> None:
    assert subject(a_notice(headline="is ended now"), "j-1", name) == expected


def test_the_subject_of_a_long_headline_still_names_the_cluster() -> None:
    found = subject(a_notice(headline="h" * 200), "j-1", "n" * 100)
    assert len(found) == 99 and found.startswith("Tidemark: " + "n" * 22 + ".. hhh")
