"""EMR's classifications for the static part say the same as the files beside them."""

from __future__ import annotations

import json

from agent.node.sink_block import Sink, with_sink, without_sink
from agent.node.template import metrics_properties
from agent.release.snippets import classifications
from agent.sandbox.spark.conf import shipped
from agent.wire import metrics_properties as wire

SHIPPED = json.loads(shipped("classifications.json").read_text(encoding="utf-8"))
BY_NAME = {each["Classification"]: each["Properties"] for each in SHIPPED}


def test_each_is_of_the_form_that_emr_takes() -> None:
    assert all(set(each) == {"Classification", "Properties"} for each in SHIPPED)
    assert all(isinstance(value, str) for properties in BY_NAME.values() for value in properties.values())


def test_spark_defaults_are_those_of_the_file_and_of_the_launch_snippets() -> None:
    assert classifications(shipped("spark-defaults.conf").read_text(encoding="utf-8")) == [SHIPPED[0]]


def test_spark_metrics_are_lines_of_the_template_and_get_on_with_the_block() -> None:
    template = metrics_properties()
    given = BY_NAME["spark-metrics"]
    assert given.items() <= wire.properties(template).items()
    text = "".join(f"{key}={value}\n" for key, value in given.items())
    made = with_sink(text, Sink("10.0.0.10", 42003, 10), template)
    assert all(made.count(key) == 1 for key in given), "the user's own are not given twice"
    assert without_sink(made) == text
