"""What the verb `spark-conf` does, from settings to a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.aws.identity import identify, under
from agent.aws.imds import Imds
from agent.node import target, template
from agent.node.sink_block import Sink
from agent.node.spark_conf import Report, SparkConf, State
from agent.settings import Settings


def applied(settings: Settings, root: Path, imds: Imds | None = None) -> Report:
    """On a node that EMR calls core or task nothing is done: only what the primaries submit counts."""
    if identify(under(root)).is_primary is False:
        return Report(State.UNCHANGED, "this node is no primary: nothing to do")
    conf = SparkConf(root)
    if not conf.is_there():
        # before anybody is asked who acts: until then there may be nobody to answer
        return conf.nothing_to_do()
    if settings.listener.port == 0:
        return Report(State.REFUSED, "listener.port is 0, a port of the system's choice: Spark needs one that stays")
    found = target.find(settings, root, conf.present_host(), imds or Imds())
    if found.host is None:
        return Report(State.REFUSED, found.why)
    report = conf.apply(
        Sink(found.host, settings.listener.port, settings.listener.report_period_s), template.metrics_properties()
    )
    return Report(report.state, f"{report.text} ({found.why})", report.notes)


def shown(settings: Settings, root: Path, imds: Imds | None = None) -> Iterator[str]:
    """The file as it is, and what `apply` would have Spark report to. Raises nothing for the world's faults."""
    conf = SparkConf(root)
    try:
        text = conf.show()
    except OSError as error:
        text = f"# cannot be read: {error}"
    present = conf.present_host()
    found = target.find(settings, root, present, imds or Imds())
    where = f"{found.host}:{settings.listener.port}" if found.host is not None else "not known"
    yield f"# present: {present or 'no block of ours'}"
    yield f"# acting: {where} ({found.why})"
    yield "# no such file" if text is None else text.rstrip("\r\n")
