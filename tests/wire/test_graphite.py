from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire import graphite, refusals
from tests.captures import FILES, connections

LINE = b"app-1.0.jvm.heap.used 12 1795220896\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_captured_line_is_read_as_it_was_sent(file):
    for connection in connections(file):
        report = graphite.parse(connection.raw, 1024)
        assert not report.rejected
        assert [(line.name, line.text.decode(), line.stamp) for line in report.lines] == connection.lines
        for line in report.lines:
            assert line.value == float(line.text) or (math.isnan(line.value) and line.text == b"NaN")


@given(st.binary(max_size=4000))
def test_any_bytes_are_taken_and_each_line_is_accounted_for(raw):
    report = graphite.parse(raw, 256)
    assert len(report.lines) + sum(report.rejected.values()) == report.received
    assert report.received == raw.count(b"\n") + (not raw.endswith(b"\n") and raw != b"")


@given(st.integers(0, len(LINE) * 3))
def test_a_report_that_is_cut_loses_its_unfinished_line_and_no_other(length):
    report = graphite.parse((LINE * 3)[:length], 1024)
    whole, rest = divmod(length, len(LINE))
    assert len(report.lines) == whole
    assert dict(report.rejected) == ({refusals.TRUNCATED: 1} if rest else {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"name 1", refusals.MALFORMED),
        (b"name 1 2 3", refusals.MALFORMED),
        (b"", refusals.MALFORMED),
        (b"na\xffme 1 2", refusals.NOT_UTF8),
        (b"na\x01me 1 2", refusals.BAD_NAME),
        (b"name one 2", refusals.BAD_NUMBER),
        (b"name 1_000 2", refusals.BAD_NUMBER),
        (b"name 0x10 2", refusals.BAD_NUMBER),
        (b"name " + b"9" * 33 + b" 2", refusals.BAD_NUMBER),
        (b"name 1 -2", refusals.BAD_TIMESTAMP),
        (b"name 1 2.5", refusals.BAD_TIMESTAMP),
        (b"name 1 123456789012", refusals.BAD_TIMESTAMP),
        (b"n" * 1020 + b" 1 2", refusals.TOO_LONG),
    ],
)
def test_a_line_is_refused_for_its_reason_and_its_neighbours_are_not(line, reason):
    report = graphite.parse(LINE + line + b"\n" + LINE, 1024)
    assert dict(report.rejected) == {reason: 1}
    assert len(report.lines) == 2


def test_a_line_may_be_as_long_as_the_bound_with_its_line_feed():
    line = b"n" * 1019 + b" 1 2\n"
    assert len(line) == 1024
    assert graphite.parse(line, 1024).lines
    assert dict(graphite.parse(line, 1023).rejected) == {refusals.TOO_LONG: 1}


@pytest.mark.parametrize("text", [b"0", b"-1", b"0.07", b"+3", b"12.", b"1e3", b"10000000000000000000000.00"])
def test_integers_and_decimals_are_numbers(text):
    assert graphite.number(text) == float(text)


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"inf"])
def test_what_java_writes_for_no_number_is_not_finite(text):
    value = graphite.number(text)
    assert value is not None
    assert not math.isfinite(value)


def test_past_many_refused_lines_the_rest_of_a_report_is_not_looked_at():
    report = graphite.parse(b"junk\n" * (graphite.MAX_REFUSALS + 7) + LINE, 1024)
    assert dict(report.rejected) == {refusals.MALFORMED: graphite.MAX_REFUSALS, refusals.SKIPPED: 8}
