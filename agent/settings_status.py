"""Settings of the status page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.settings_base import Model
from agent.settings_sources import Port


class StatusSettings(Model):
    """The status page on the primary: read-only, and by default only for this node and tunnels to it."""

    enabled: bool = Field(True, description="Whether the page is served.")
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Whoever reaches it may read the page: there is no password.",
    )
    port: Port = Field(
        42004, description="TCP port; 0 lets the system choose and logs the choice. Where it is taken there is no page."
    )
    host_names: tuple[str, ...] = Field(
        (),
        description="Names under which browsers and scrapers may ask, beside addresses and `localhost`; another name "
        "is refused, so that no web page elsewhere can read this one through a name of its own.",
    )
    max_connections: Annotated[int, Field(ge=1, le=256)] = Field(
        32, description="Requests answered at once; past it the next ones are turned away."
    )
