"""Spark's own configuration folder on this node: our sink in its `metrics.properties`, and out of it again."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.node import replacing, sink_block
from agent.node.replacing import Meanwhile, Seen
from agent.node.rooted import resolved
from agent.node.sink_block import Refused, Sink
from agent.wire.metrics_properties import SINK_CLASS

CONF = Path("/etc/spark/conf")
JARS = Path("/usr/lib/spark/jars")
FILE, DEFAULTS = "metrics.properties", "spark-defaults.conf"

_SINK_ENTRY = SINK_CLASS.replace(".", "/") + ".class"


class State(StrEnum):
    NO_SPARK = "no Spark"
    """Its configuration folder is not there, or not yet."""
    UNCHANGED = "unchanged"
    WRITTEN = "written"
    REMOVED = "removed"
    LATER = "later"
    """Somebody else was at the file in this moment: to be tried again."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Report:
    state: State
    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SparkConf:
    """The folder on a node whose file system begins at `root`. Nothing is raised but by bugs: what cannot be done is
    a Report, and then nothing was written."""

    root: Path = Path("/")

    def is_there(self) -> bool:
        """Whether Spark's configuration folder is."""
        try:
            return resolved(self.root, CONF).is_dir()
        except OSError:
            return False

    def nothing_to_do(self) -> Report:
        return Report(State.NO_SPARK, f"{CONF} is not there (yet): nothing to do")

    def present_host(self) -> str | None:
        """The address that the block names; None without a block, or when the file cannot be read."""
        try:
            text = _text(Seen.at(self._file()))
            return None if text is None else sink_block.host(text)
        except (OSError, Refused):
            return None

    def show(self) -> str | None:
        """The whole file; None where there is none. Raises OSError."""
        return _text(Seen.at(self._file()))

    def apply(self, sink: Sink, template: str) -> Report:
        """Afterwards applications that start here report to the sink. Once it is so, nothing is written again."""

        def change(seen: Seen) -> Report:
            before, defaults = _text(seen), _text(Seen.at(resolved(self.root, CONF / DEFAULTS))) or ""
            after = sink_block.with_sink(before, sink, template, defaults)
            notes = sink_block.notes(defaults)
            where = f"{seen.path}: Spark reports to {sink.host}:{sink.port} every {sink.period_s:g} s"
            if after == before:
                return Report(State.UNCHANGED, where, notes)
            self._known_to_spark()
            replacing.replace(seen, after.encode("latin-1"))
            return Report(State.WRITTEN, where, notes)

        return self._changed(change)

    def remove(self) -> Report:
        """Afterwards the file is what it would be had we never been here."""

        def change(seen: Seen) -> Report:
            before = _text(seen)
            after = None if before is None else sink_block.without_sink(before)
            if after == before:
                return Report(State.UNCHANGED, f"{seen.path}: nothing of ours is in it")
            if after is None:
                replacing.delete(seen)
            else:
                replacing.replace(seen, after.encode("latin-1"))
            return Report(State.REMOVED, f"{seen.path}: our block is out of it")

        return self._changed(change)

    def _changed(self, change: Callable[[Seen], Report]) -> Report:
        try:
            if not self.is_there():
                return self.nothing_to_do()
            # the folder that the file itself is in: a link may lead there from Spark's
            with replacing.alone(self._file().parent):
                return change(Seen.at(self._file()))
        except Meanwhile as error:
            return Report(State.LATER, str(error))
        except Refused as error:
            return Report(State.REFUSED, f"{CONF / FILE} is left as it is: {error}")
        except OSError as error:
            return Report(State.REFUSED, f"{CONF / FILE} is left as it is: {error}")

    def _file(self) -> Path:
        return resolved(self.root, CONF / FILE)

    def _known_to_spark(self) -> None:
        """Refuse a sink that this Spark does not have. Where its jars are not found, nothing is known and no word
        said: a release may keep them elsewhere."""
        jars = sorted(resolved(self.root, JARS).glob("spark-core_*.jar"))
        for jar in jars:
            try:
                with zipfile.ZipFile(jar) as opened:
                    if _SINK_ENTRY in opened.NameToInfo:
                        return
            except (OSError, zipfile.BadZipFile):
                return
        if jars:
            raise Refused(f"this Spark has no {SINK_CLASS}: {jars[0]} does not hold it")


def _text(seen: Seen) -> str | None:
    """ISO 8859-1, as Java reads such a file; every byte comes back as it was."""
    return None if seen.data is None else seen.data.decode("latin-1")
