"""Settings as a whole: what one table alone cannot know is checked here, beside what the models check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.aggregate.catalogue import SIGNALS
from agent.alarms.faults import faults as alarm_faults
from agent.alarms.faults import nearest
from agent.domain.signals import ITERATOR_AGE
from agent.settings import Settings, SettingsError, SettingsFault, of_table, table_in
from agent.settings_change import Change, changed


def load_checked(path: Path, changes: Iterable[Change] = ()) -> Settings:
    """The settings in the file, with the changes. Raises SettingsError with every fault."""
    settings = of_table(changed(table_in(path), changes), source=str(path))
    if faults := (*_unknown_signals(settings), *_heartbeat(settings), *alarm_faults(settings)):
        raise SettingsError(str(path), faults)
    return settings


def _unknown_signals(settings: Settings) -> Iterator[SettingsFault]:
    """A rule on a metric that nobody publishes would never act, and never say so but in a hold's reason."""
    for number, rule in enumerate(settings.policy.rules):
        path = f"policy.rules.{number}.signal"
        if rule.signal not in SIGNALS:
            yield SettingsFault(path, f"{rule.signal!r} is no metric{nearest(rule.signal, SIGNALS)}")
        elif rule.signal == ITERATOR_AGE and not settings.sources.kinesis:
            yield SettingsFault(path, f"{rule.signal!r} needs at least one [[sources.kinesis]] with its stream")


def _heartbeat(settings: Settings) -> Iterator[SettingsFault]:
    """One beat that is late or lost must not make the agent unheard of, and the orders unknown."""
    told = settings.lifecycle
    if told.table and told.heartbeat_lost_s < 2 * told.heartbeat_s:
        text = f"is {told.heartbeat_lost_s:g}: give at least twice lifecycle.heartbeat_s, {2 * told.heartbeat_s:g}"
        yield SettingsFault("lifecycle.heartbeat_lost_s", text)
