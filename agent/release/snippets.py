"""What to paste so that a cluster gets the agent: the same four facts for each way of launching one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agent.release.location import Location
from agent.release.places import part

NAME = "Tidemark"
TAG = ("tidemark", "resize")
"""The policy's conditions: `observe`, `resize` or `terminate` as the value of the tag `tidemark`."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a launch needs of a published release."""

    install: str
    config: str
    classifications: Sequence[Mapping[str, Any]]

    @property
    def bootstrap_action(self) -> dict[str, Any]:
        """An element of `BootstrapActions`, as the EMR API takes it."""
        return {"Name": NAME, "ScriptBootstrapAction": {"Path": self.install, "Args": ["--config", self.config]}}

    @property
    def tag(self) -> dict[str, str]:
        """An element of `Tags`."""
        return {"Key": TAG[0], "Value": TAG[1]}

    def cli(self) -> str:
        settings = json.dumps(self.classifications, separators=(",", ":"))
        return (
            f"  --bootstrap-actions 'Path={self.install},Name={NAME},Args=[--config,{self.config}]' \\\n"
            f"  --configurations '{settings}' \\\n"
            f"  --tags {TAG[0]}={TAG[1]}"
        )

    def boto3(self) -> str:
        return (
            f"    BootstrapActions=[{json.dumps(self.bootstrap_action)}],\n"
            f"    Configurations={json.dumps(self.classifications)},\n"
            f"    Tags={json.dumps([self.tag])},"
        )

    def cloudformation(self) -> str:
        lines = [
            *("BootstrapActions:", f"  - Name: {NAME}", "    ScriptBootstrapAction:"),
            *(f"      Path: {self.install}", f"      Args: [--config, {self.config}]", "Configurations:"),
        ]
        for each in self.classifications:
            lines += [f"  - Classification: {each['Classification']}", "    ConfigurationProperties:"]
            lines += [f'      {key}: "{value}"' for key, value in each["Properties"].items()]
        lines += ["Tags:", f"  - Key: {TAG[0]}", f"    Value: {TAG[1]}"]
        return _indented(lines)

    def terraform(self) -> str:
        lines = [
            *("bootstrap_action {", f'  name = "{NAME}"', f'  path = "{self.install}"'),
            *(f'  args = ["--config", "{self.config}"]', "}"),
            f"configurations_json = jsonencode({json.dumps(self.classifications)})",
            f'tags = {{ {TAG[0]} = "{TAG[1]}" }}',
        ]
        return _indented(lines)


@dataclass(frozen=True, slots=True)
class Deploy:
    """What CloudFormation needs of a published release to make all that launches and ends clusters."""

    place: Location
    version: str
    region: str
    machine: str
    """Of the function: one that the release has an archive for."""

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the template without which it is not made. Empty for the root of a bucket, which it cannot use."""
        if not self.place.prefix:
            return {}
        return {
            "ReleaseBucket": self.place.bucket,
            "ReleasePrefix": self.place.prefix,
            "TidemarkVersion": self.version,
            "Architecture": LAMBDAS_WORDS[self.machine],
        }

    @property
    def template(self) -> str:
        return self.place.under(self.version).under("cloudformation/lifecycle.yaml").uri

    def cli(self) -> str:
        if not self.parameters:
            return f"  {Path(self.template).name} asks for a release below a prefix: publish to one"
        given = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return (
            f"  aws s3 cp {self.template} .\n"
            f"  aws cloudformation deploy --region {self.region} --stack-name tidemark \\\n"
            f"    --template-file lifecycle.yaml --capabilities CAPABILITY_IAM \\\n"
            f"    --parameter-overrides {given}"
        )


LAMBDAS_WORDS = MappingProxyType({"aarch64": "arm64", "x86_64": "x86_64"})
"""For processors (CreateFunction, Architectures)."""


def deploy(place: Location, version: str, region: str, machines: Iterable[str]) -> Deploy:
    """For Graviton where there is an archive for it: Lambda asks less for that."""
    return Deploy(place, version, region, min(machines))


def launch(place: Location, version: str) -> Launch:
    """For the release of that version under the prefix `place`."""
    defaults = (part("spark_conf") / "spark-defaults.conf").read_text(encoding="utf-8")
    return Launch(
        place.under(version).under("install.sh").uri, place.under("config.toml").uri, classifications(defaults)
    )


def classifications(spark_defaults: str) -> list[dict[str, Any]]:
    """The configuration classification that puts a `spark-defaults.conf` on a cluster; values are strings."""
    pairs = (line.split(None, 1) for line in spark_defaults.splitlines() if line.strip() and not line.startswith("#"))
    properties = {key: value.strip() for key, value in pairs}
    return [{"Classification": "spark-defaults", "Properties": properties}]


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
