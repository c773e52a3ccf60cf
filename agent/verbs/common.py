"""What several verbs share: their parameters, and the settings or the end of the process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agent.aws.clients import Clients
    from agent.aws.identity import Identity
    from agent.settings import Settings

SETTINGS_FILE = click.Path(path_type=Path, dir_okay=False)
ON_THE_NODE = Path("/etc/tidemark/config.toml")
"""Where the installation leaves the settings."""
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print data for a program.")


class Duration(click.ParamType[float]):
    """A time as people write it, `90s`, `30m`, `1h30m` or `2d`, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ARG002
        from datetime import timedelta

        from pydantic import TypeAdapter, ValidationError

        text = str(value).upper()
        iso = f"P{text}" if text.endswith("D") else f"PT{text}"
        try:
            return TypeAdapter(timedelta).validate_python(iso).total_seconds()
        except ValidationError:
            raise click.BadParameter(f"{value!r} is no duration: write for example 90s, 30m, 1h30m or 2d") from None


class WebAddress(click.ParamType[str]):
    """An http or https URL."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from pydantic import TypeAdapter, ValidationError

        from agent.settings_base import WebUrl

        try:
            return TypeAdapter[str](WebUrl).validate_python(value)
        except ValidationError as error:
            raise click.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


class ClusterId(click.ParamType[str]):
    """What EMR calls a cluster."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        import re

        if re.fullmatch(r"j-[A-Za-z0-9]+", str(value)) is None:
            raise click.BadParameter(f"{value!r} is no cluster id: those of EMR are j- and letters and digits")
        return str(value)


EMR_ID = ClusterId()
WEB_ADDRESS = WebAddress()


class JvmSize(click.ParamType[int]):
    """A size as Spark takes it, `8g`, `8192m` or `8192` (megabytes), in MiB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        import re

        found = re.fullmatch(r"(\d+)([mgt]?)b?", str(value).strip().lower())
        if found is None or int(found[1]) == 0:
            raise click.BadParameter(f"{value!r} is no size: write for example 8g or 8192m")
        return int(found[1]) * {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}[found[2]]


def load(path: Path, sets: tuple[str, ...] = (), defaults: tuple[str, ...] = ()) -> Settings:
    """The settings, or the end of this process with every fault on standard error."""
    from agent import settings_change
    from agent.settings import SettingsError
    from agent.settings_check import load_checked

    try:
        changes = [settings_change.read(text, where_absent=True) for text in defaults]
        changes += [settings_change.read(text) for text in sets]
        return load_checked(path, changes)
    except SettingsError as error:
        click.secho(str(error), fg="red", err=True)
        for fault in error.faults:
            click.echo(f"  {fault}", err=True)
        sys.exit(2)


def warn(warnings: list[str]) -> None:
    for warning in warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)


def reached(settings: Settings, region: str | None, endpoint_url: str | None) -> tuple[Clients, Identity]:
    """AWS by these settings, what the options say going before, and what this node tells of itself. Wrong use where
    nobody names the Region."""
    from agent.aws.clients import Clients
    from agent.aws.identity import identify_node
    from agent.aws.imds import Imds

    identity = identify_node(Imds())
    told = {"region": region, "endpoint_url": endpoint_url}
    aws = settings.aws.model_copy(update={name: value for name, value in told.items() if value})
    clients = Clients(aws, identity.region)
    if clients.region is None:
        raise click.UsageError("the Region is not known: name it with --region, or set aws.region")
    return clients, identity
