"""Where the lifecycle's verbs find its table and its queue, and how they ask for something."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.verbs.common import ON_THE_NODE, SETTINGS_FILE, WEB_ADDRESS, load

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agent.aws.clients import Clients
    from agent.lifecycle.rows import Row
    from agent.lifecycle.store import Store
    from agent.lifecycle.table import Table
    from agent.settings_lifecycle import LifecycleSettings

F = TypeVar("F", bound=Callable[..., Any])
WIDTH = 120
"""Where no terminal says how wide it is."""


def where(command: F) -> F:
    """The options that say which table and queue; the verb gets them as keywords for `place`."""
    for option in (
        click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own."),
        click.option("--region", help="Instead of that of the settings, the node or the AWS configuration."),
        click.option("--queue-url", help="The lifecycle's queue [lifecycle.queue_url]."),
        click.option("--table", "table_name", help="The lifecycle's DynamoDB table [lifecycle.table]."),
        click.option("--config", "path", type=SETTINGS_FILE, help=f"The settings file [{ON_THE_NODE}, if there]."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Place:
    settings: LifecycleSettings
    clients: Clients
    table: Table
    store: Store
    counted: list[str] = field(default_factory=list)
    """What was counted of that which was done here."""

    def every(self, kind: type[R], prefix: str) -> Iterator[R]:
        """Rows of this kind, those that have ended too: the whole table is read for it."""
        from agent.lifecycle.store import readable

        return readable(kind, self.table.keyed(prefix))

    def ask(self, message: Mapping[str, Any]) -> bool:
        """Have it done by the lifecycle's function, by way of its queue; without a queue do it here and now. Whether
        it was sent. Raises ClickException for what nobody could act on: sent, it would end among the dead letters."""
        import json

        from agent.lifecycle.events import Malformed
        from agent.lifecycle.ingress import MESSAGE_ID, events_of

        for event in events_of(json.dumps(message), {MESSAGE_ID: "asked"}):
            if isinstance(event, Malformed):
                raise click.ClickException(_wrong(event.details))
        if not self.settings.queue_url:
            from agent.verbs.lifecycle_here import do

            do(json.dumps(message), self.table, self.clients, self.settings, self.counted.append)
            return False
        from agent.lifecycle.queue import send

        send(self.clients.sqs, self.settings.queue_url, message)
        return True

    def dead_letters(self) -> int | None:
        """How many there are; None where nobody can tell."""
        from agent.lifecycle.queue import dead_letters

        return dead_letters(self.clients.sqs, self.settings.queue_url) if self.settings.queue_url else None


def _wrong(details: Mapping[str, Any]) -> str:
    """All that is wrong with what was asked for, without the word that it is asked for by."""
    faults = details.get("faults", [details])
    told = (f"{str(one.get('where', '')).rpartition('.')[2]}: {one.get('problem')}" for one in faults)
    return "; ".join(told)


if TYPE_CHECKING:
    R = TypeVar("R", bound=Row)


def place(
    path: Path | None, table_name: str | None, queue_url: str | None, region: str | None, endpoint_url: str | None
) -> Place:
    """By the settings, if there are any, and the options, which go first. A queue of the settings belongs to their
    table: with another table it counts as none."""
    from agent.aws.clients import Clients
    from agent.aws.identity import identify_node
    from agent.aws.imds import Imds
    from agent.lifecycle.dynamo_table import DynamoTable
    from agent.lifecycle.store import Store
    from agent.settings import AwsSettings
    from agent.settings_lifecycle import LifecycleSettings

    given = load(path) if path is not None else (load(ON_THE_NODE) if ON_THE_NODE.exists() else None)
    aws, lifecycle = (AwsSettings(), LifecycleSettings()) if given is None else (given.aws, given.lifecycle)
    if table_name and table_name != lifecycle.table:
        lifecycle = lifecycle.model_copy(update={"table": table_name, "queue_url": ""})
    if queue_url:
        lifecycle = lifecycle.model_copy(update={"queue_url": queue_url})
    if not lifecycle.table:
        raise click.UsageError("no table is named: give --table, or set lifecycle.table; see docs/lifecycle.md")
    told = {"region": region, "endpoint_url": endpoint_url}
    aws = aws.model_copy(update={name: value for name, value in told.items() if value})
    clients = Clients(aws, identify_node(Imds()).region)
    if clients.region is None:
        raise click.UsageError("the Region is not known: name it with --region, or set aws.region")
    table = DynamoTable(clients.dynamodb, lifecycle.table)
    return Place(lifecycle, clients, table, Store(table))


class Refused(click.ClickException):
    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self.code


@contextmanager
def faults_told(place: Place, code: int = 1) -> Iterator[None]:
    """A fault of the world ends the verb with its text, and with what to look at; so does what a verb refuses."""
    from agent.domain.faults import Fault

    try:
        yield
    except Fault as fault:
        text = str(fault)
        if "ResourceNotFoundException" in text:
            text += f"\nIs there a table {place.settings.table!r} in {place.clients.region}? docs/lifecycle.md, Install"
        raise Refused(text, code) from fault
    except click.UsageError:
        raise
    except click.ClickException as refused:
        raise Refused(refused.message, code) from refused


def show(*parts: RenderableType) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    for part in parts:
        console.print(part)


def print_json(value: Any) -> None:
    """Dataclasses and rows among them, as data."""
    import json

    from pydantic_core import to_jsonable_python

    click.echo(json.dumps(to_jsonable_python(value), indent=2))


def new_id(kind: str) -> str:
    """Unique, and short enough to be said: whoever sends it a second time asks for the same."""
    import uuid

    return f"{kind}-{uuid.uuid4().hex[:12]}"


def who() -> str:
    """Who asks, where nobody says who the owner is."""
    import getpass

    try:
        return f"by-hand/{getpass.getuser()}"
    except (KeyError, OSError):
        return "by-hand"
