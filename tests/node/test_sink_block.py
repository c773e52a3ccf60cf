"""The block in somebody else's text: what is theirs stays to the byte, and on any doubt nothing is made."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agent.node import sink_block
from agent.node.block import BEGIN, END
from agent.node.java_properties import Malformed, entries
from agent.node.sink_block import Refused, Sink, with_sink, without_sink
from agent.node.template import metrics_properties
from agent.wire.metrics_properties import SINK_CLASS

TEMPLATE = metrics_properties()
HERE = Sink("10.0.0.10", 42003, 10)
OTHER = Sink("10.0.0.11", 42003, 10)

# as the EMR classification `spark-metrics` writes it
OF_EMR = """\
*.sink.csv.class=org.apache.spark.metrics.sink.CsvSink
*.sink.csv.directory=/tmp/csv
*.source.jvm.class org.apache.spark.metrics.source.JvmSource
"""
TEXTS = {
    "nothing": "",
    "of EMR": OF_EMR,
    "no newline at the end": OF_EMR.rstrip("\n"),
    "CRLF": OF_EMR.replace("\n", "\r\n"),
    "old Macintosh": OF_EMR.replace("\n", "\r"),
    "a backslash at the end": OF_EMR + "*.sink.csv.period=1\\",
    "a continued line at the end": OF_EMR + "*.sink.csv.period=1\\\n",
    "bytes of Latin-1": "# r\xe9sum\xe9\n" + OF_EMR,
    "a byte order mark": "\xef\xbb\xbf" + OF_EMR,
    "blank lines": "\n\n" + OF_EMR + "\n\n",
}


def of(text: str) -> dict[str, str]:
    return dict(entries(text))


def test_a_new_file_is_all_block_and_goes_with_it() -> None:
    made = with_sink(None, HERE, TEMPLATE)
    assert of(made)["*.sink.tidemark.host"] == "10.0.0.10"
    assert of(made)["*.sink.tidemark.class"] == SINK_CLASS
    assert made.startswith(f"{BEGIN}\n") and made.endswith(f"{END}\n")
    assert "Managed" in made and "spark-conf remove" in made
    assert without_sink(made) is None
    assert without_sink(with_sink(made, OTHER, TEMPLATE)) is None


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_what_was_there_keeps_every_byte_and_its_meaning(text: str) -> None:
    made = with_sink(text, HERE, TEMPLATE)
    assert made.endswith(text)
    assert of(made).items() >= of(text).items()
    assert of(made)["*.sink.tidemark.port"] == "42003"
    assert with_sink(made, HERE, TEMPLATE) == made, "applied again"
    moved = with_sink(made, OTHER, TEMPLATE)
    assert (sink_block.host(made), sink_block.host(moved)) == ("10.0.0.10", "10.0.0.11")
    assert without_sink(made) == without_sink(moved) == text


def test_the_block_has_the_line_ends_of_the_file() -> None:
    made = with_sink(TEXTS["CRLF"], HERE, TEMPLATE)
    assert made.count("\n") == made.count("\r\n")


def test_a_source_that_the_user_has_configured_stays_the_users() -> None:
    theirs = "driver.source.jvm.class=com.example.Mine\nexecutor.sink.csv.class=com.example.Csv\n"
    made = of(with_sink(theirs, HERE, TEMPLATE))
    assert made["driver.source.jvm.class"] == "com.example.Mine"
    assert made["executor.source.jvm.class"] == "org.apache.spark.metrics.source.JvmSource"
    assert "driver.source.jvm.class" not in of(with_sink(OF_EMR, HERE, TEMPLATE)), "they have it for all instances"


def test_a_block_that_was_moved_is_written_where_it_stands() -> None:
    made = with_sink("", HERE, TEMPLATE)
    moved = with_sink("# above\na.b=1\n" + made + "c.d=2\n", OTHER, TEMPLATE)
    assert moved.startswith("# above\na.b=1\n# >>>") and moved.endswith("c.d=2\n")
    assert without_sink(moved) == "# above\na.b=1\nc.d=2\n"


@pytest.mark.parametrize(
    "text, why",
    [
        ("*.sink.tidemark.class=org.apache.spark.metrics.sink.ConsoleSink\n", "another name"),
        ("driver.sink.tidemark.period : 5\n", "another name"),
        ("*.sink.tide\\\n  mark.host=elsewhere\n", "another name"),
        ("a=1\\u00\n", "Java cannot read"),
        (f"{BEGIN}\na=1\n", "do not enclose one block"),
        (f"a=1\n{END}\n", "do not enclose one block"),
        (f"{END}\n{BEGIN}\n", "do not enclose one block"),
        (f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", "lines 1, 2, 3, 4"),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", "do not enclose one block"),
        (f"a=1\\\n{BEGIN}\n{END}\n", "run into it"),
    ],
)
def test_on_any_doubt_it_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        with_sink(text, HERE, TEMPLATE)


@pytest.mark.parametrize(
    "sink, why",
    [
        (Sink("", 42003, 10), "host"),
        (Sink("two words", 42003, 10), "host"),
        (Sink("10.0.0.10\n*.sink.x.class=y", 42003, 10), "host"),
        (Sink("localhost", 42003, 10), "each node itself"),
        (Sink("0.0.0.0", 42003, 10), "no address of a node"),
        (Sink("::", 42003, 10), "no address of a node"),
        (Sink("10.0.0.10", 0, 10), "port"),
        (Sink("10.0.0.10", 65536, 10), "port"),
        (Sink("10.0.0.10", 42003, 0), "period"),
        (Sink("10.0.0.10", 42003, 2.5), "whole number"),
    ],
)
def test_a_sink_that_spark_could_not_use_is_refused(sink: Sink, why: str) -> None:
    with pytest.raises(Refused, match=why):
        with_sink(OF_EMR, sink, TEMPLATE)


@pytest.mark.parametrize(
    "old, new, why",
    [
        (SINK_CLASS, "org.apache.spark.metrics.sink.GraphitSink", "class"),
        ("unit=seconds", "unit=fortnights", "unit"),
        ("@PORT@", "@PROT@", "placeholder"),
        ("*.sink.tidemark.unit=seconds", "*.sink.tidemark.protocol=udp", "protocol"),
        ("regex=^", "regex=((^", "regex"),
    ],
)
def test_a_template_that_spark_could_not_use_is_refused(old: str, new: str, why: str) -> None:
    assert old in TEMPLATE
    with pytest.raises(Refused, match=why):
        with_sink(OF_EMR, HERE, TEMPLATE.replace(old, new))


def test_spark_defaults_that_override_our_sink_are_refused_and_those_that_leave_the_file_out_are_told() -> None:
    with pytest.raises(Refused, match=r"spark-defaults.conf would override"):
        with_sink("", HERE, TEMPLATE, "spark.metrics.conf.*.sink.tidemark.host elsewhere\n")
    with pytest.raises(Refused, match=r"spark-defaults.conf to its end"):
        with_sink("", HERE, TEMPLATE, "spark.x=\\u1\n")
    fine = "spark.metrics.conf.*.sink.csv.class x\nspark.master yarn\n"
    assert with_sink("", HERE, TEMPLATE, fine) and not sink_block.notes(fine)
    assert "/elsewhere" in sink_block.notes("spark.metrics.conf /elsewhere\n")[0]


PIECES = st.sampled_from(
    [
        "a=1",
        "*.sink.csv.class=x",
        "# c",
        "! d\\",
        " k : v",
        "\\",
        "\\\\",
        "k=v\\",
        "\n",
        "\r",
        "\r\n",
        "\f",
        "é",
        "\n\n",
    ]
)
FREE = st.lists(PIECES, max_size=12).map("".join)


def readable(text: str) -> bool:
    try:
        entries(text)
    except Malformed:
        return False
    return True


@given(FREE)
@example("\\\n# c")
def test_applied_and_removed_every_text_is_itself_again_or_it_is_refused(text: str) -> None:
    if not readable(text):
        with pytest.raises(Refused):
            with_sink(text, HERE, TEMPLATE)
        return
    made = with_sink(text, HERE, TEMPLATE)
    assert without_sink(made) == text
    assert with_sink(made, HERE, TEMPLATE) == made


@given(FREE, FREE)
def test_whatever_is_written_around_the_block_it_is_refused_or_means_both(above: str, below: str) -> None:
    made = above + with_sink("", HERE, TEMPLATE) + below
    try:
        again = with_sink(made, OTHER, TEMPLATE)
    except Refused:
        return
    assert sink_block.host(again) == "10.0.0.11"
    assert of(again).items() >= of(above + below).items()
    assert without_sink(again) == above + below


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_text_at_all_breaks_it(text: str) -> None:
    assume(BEGIN not in text and END not in text)
    if readable(text):
        assert without_sink(with_sink(text, HERE, TEMPLATE)) == text
    else:
        with pytest.raises(Refused):
            with_sink(text, HERE, TEMPLATE)
