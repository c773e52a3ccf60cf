"""Our reading of Java properties against Java's own, in the JVM of the installed Spark."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.node.java_properties import Ambiguous, Malformed, entries
from agent.sandbox.java import Java
from agent.sandbox.spark.home import SparkHome

Load = Callable[[str], dict[str, str] | None]
"""What java.util.Properties makes of a text; None where it throws."""


@pytest.fixture(scope="module")
def load(spark_home: SparkHome, java_home: Java) -> Iterator[Load]:
    py4j = pytest.importorskip("py4j.java_gateway", reason="py4j comes with the extra `sandbox`")
    port, process = py4j.launch_gateway(
        classpath=f"{spark_home.path}/jars/*",
        die_on_exit=True,
        java_path=str(java_home.home / "bin" / "java"),
        return_proc=True,
    )
    gateway: Any = py4j.JavaGateway(gateway_parameters=py4j.GatewayParameters(port=port, auto_convert=True))

    def loaded(text: str) -> dict[str, str] | None:
        properties = gateway.jvm.java.util.Properties()
        # a stream, as Spark has it: Java then takes each byte for a character
        stream = gateway.jvm.java.io.ByteArrayInputStream(text.encode("latin-1"))
        try:
            properties.load(stream)
        except py4j.Py4JJavaError as error:
            assert error.java_exception.getClass().getName() == "java.lang.IllegalArgumentException"
            return None
        return {str(key): str(properties.getProperty(key)) for key in properties.stringPropertyNames()}

    with closing(gateway):
        yield loaded
        gateway.shutdown()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


@pytest.mark.spark
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab*.\\ \t\f\n\r=:#!u0041é"), max_size=40))
@example(text="a\\")
@example(text="a=1\\\n#b")
@example(text="a=1\\\n\n b=2")
@example(text="\\\n\n#c\nd")
@example(text="a\\:b=c\\=d\\n")
@example(text="a=\\u0041\\u00e9")
@example(text="# no\\\nyes=1")
@example(text="a=1\\\r\n   b\r\nc:2\rd 3")
@example(text="k\\")
@example(text="=v")
@example(text="a=\\u00")
@example(text="\\\r#")
def test_it_is_read_as_java_reads_it(load: Load, text: str) -> None:
    try:
        ours: dict[str, str] | None = dict(entries(text))
    except Ambiguous:
        # whatever the Java at hand makes of it, another makes something else of it
        assert re.search(r"\\(\r\n|\r|\n)[ \t\f]*[#!]", text)
        return
    except Malformed:
        ours = None
    assert ours == load(text)


def test_a_key_that_is_given_twice_is_there_twice() -> None:
    assert entries("a=1\nb=2\na=3\n") == (("a", "1"), ("b", "2"), ("a", "3"))
