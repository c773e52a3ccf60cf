"""Settings of where the roll-up goes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from agent.settings_base import Count, Model, Seconds


class CloudWatchSettings(Model):
    """The CloudWatch sink."""

    enabled: bool = Field(True, description="Whether datums are sent to CloudWatch.")
    namespace: str = Field("Tidemark", min_length=1, max_length=255, description="Never one that starts with `AWS/`.")
    period_s: Seconds = Field(60.0, description="One roll-up is sent so often.")
    storage_resolution_s: Literal[1, 60] = Field(60, description="1 only together with a period under a minute.")
    max_retained_datums: Count = Field(
        20_000, description="Datums kept for retry; past it the oldest are lost, counted."
    )
    max_retained_s: Seconds = Field(600.0, description="Datums older than this are lost, counted.")

    @model_validator(mode="after")
    def _not_reserved(self) -> CloudWatchSettings:
        if self.namespace.startswith(("AWS/", ":")):
            raise ValueError(f"namespace {self.namespace!r} is reserved; choose one that does not begin with 'AWS/'")
        return self


class JsonlSettings(Model):
    """The same datums in a file, one JSON object each."""

    path: Path | None = Field(None, description="File to append to; unset: no file.")
    max_bytes: Count = Field(67_108_864, description="Past it the file is rotated once, to `<path>.1`.")


class SinksSettings(Model):
    cloudwatch: CloudWatchSettings = CloudWatchSettings()
    jsonl: JsonlSettings = JsonlSettings()
