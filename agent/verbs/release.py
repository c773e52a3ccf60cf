"""`bundle` and `publish`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.verbs.common import AS_JSON, WEB_ADDRESS, warn

if TYPE_CHECKING:
    pass


ARCHITECTURE = click.option(
    "--arch",
    type=click.Choice(["x86_64", "aarch64", "both"]),
    default="both",
    show_default=True,
    help="The processor of the primary nodes; aarch64 is Graviton.",
)
INTERPRETER = click.option(
    "--python",
    "pythons",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Folder or tarball of a standalone CPython 3.11, for releases before emr-7.1; once for each architecture.",
)


@click.command()
@ARCHITECTURE
@INTERPRETER
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default="dist",
    show_default=True,
    help="Where the archives go.",
)
@AS_JSON
def bundle(arch: str, pythons: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Build what is unpacked on a node, and what the function runs that launches and ends clusters: the agent and its
    locked dependencies, for each architecture."""
    import json

    from rich.console import Console

    with _releasing():
        from agent.release import bundle, report

        built = bundle.build_all(output, _architectures(arch), pythons)
    if as_json:
        click.echo(json.dumps(report.as_data(built), indent=2))
    else:
        Console().print(report.table(built))
    warn(report.warnings(built))


@click.command()
@click.argument("destination", metavar="S3://BUCKET/PREFIX")
@ARCHITECTURE
@INTERPRETER
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Publish the archives that `tidemark bundle` left in this folder, instead of building them.",
)
@click.option("--region", help="The Region of the clusters, in which the bucket has to be.")
@click.option("--topic", help="ARN of the SNS topic that notices go to: the policy then allows that.")
@click.option("--queue", help="ARN of the SQS queue that alarms reach the agent by: the policy then allows that.")
@click.option("--table", help="ARN of the lifecycle's DynamoDB table: the policy then allows the agent's heartbeat.")
@click.option("--endpoint-url", type=WEB_ADDRESS, help="Another endpoint than AWS's own.")
@AS_JSON
def publish(destination: str, arch: str, as_json: bool, **options: Any) -> None:
    """Upload a release below S3://BUCKET/PREFIX/<version>/ and print what to paste into the launch of a cluster.

    What is published is never changed: the same bytes again are fine, other bytes are refused.
    """
    import json

    if options["folder"] is not None and options["pythons"]:
        raise click.UsageError("--from takes the archives as they are: give --python to `tidemark bundle`")
    with _releasing():
        from agent.release import location, publish, report, snippets

        place = location.parse(destination)
        release = publish.publish(place, _architectures(arch), **options)
        launch = snippets.launch(place, release.version)
        deploy = snippets.deploy(place, release.version, release.region, _architectures(arch))
    if as_json:
        click.echo(json.dumps(report.published_as_data(launch, deploy, release), indent=2))
    else:
        click.secho(report.published_line(release), fg="green")
        click.echo(report.paste(launch, deploy, release))
    warn(report.warnings(release.built))


@contextmanager
def _releasing() -> Iterator[None]:
    """What cannot be built or published ends this process with its reason."""
    try:
        from agent.release.places import ReleaseError
    except ModuleNotFoundError as error:
        raise click.ClickException("a node has only what runs there: release from an installed tidemark") from error
    try:
        yield
    except ReleaseError as error:
        raise click.ClickException(str(error)) from error


def _architectures(arch: str) -> list[str]:
    return ["x86_64", "aarch64"] if arch == "both" else [arch]
