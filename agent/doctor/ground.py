"""What every check stands on: the settings, this node, and clients with short time-outs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.aws.identity import Identity, identify, under
from agent.settings import Settings, SettingsError
from agent.settings_check import load_checked

if TYPE_CHECKING:
    from agent.aws.clients import Clients

CONFIG = Path("/etc/tidemark/config.toml")
CONNECT_S, READ_S, ATTEMPTS = 3.0, 5.0, 1
"""Of one AWS call: an answer that takes longer is a finding."""


@dataclass(frozen=True, slots=True)
class Ground:
    root: Path
    path: Path
    """Of the settings file."""
    settings: Settings | None
    error: SettingsError | None
    """Why there are no settings."""
    identity: Identity

    @property
    def cluster_id(self) -> str | None:
        return (self.settings.cluster.id if self.settings is not None else "") or self.identity.cluster_id

    @property
    def on_emr(self) -> bool:
        return self.identity.cluster_id is not None

    def at(self, path: Path) -> Path:
        """The same path in the file system that begins at `root`."""
        return self.root / path.relative_to("/") if path.is_absolute() else path


def stand(path: Path | None, root: Path) -> Ground:
    """Never raises: settings that cannot be used are a finding. `path` is taken as it is, its default under `root`."""
    file = root / CONFIG.relative_to("/") if path is None else path
    settings, found = None, None
    try:
        settings = load_checked(file)
    except SettingsError as error:
        found = error
    return Ground(root, file, settings, found, identify(under(root)))


def clients(settings: Settings, identity: Identity) -> Clients:
    """As the agent makes them, but for their patience."""
    from agent.aws.clients import Clients

    patience = {"connect_timeout_s": CONNECT_S, "read_timeout_s": READ_S, "max_attempts": ATTEMPTS}
    return Clients(settings.aws.model_copy(update=patience), identity.region)
