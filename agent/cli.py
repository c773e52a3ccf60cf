"""The verbs. The only module that prints.

Exit codes: 0 done, 1 failed, 2 wrong use or settings. What a verb needs is imported when it is called, so
that `tidemark run`, which becomes the small supervisor process, stays small.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import agent

if TYPE_CHECKING:
    from agent.settings import Settings

SETTINGS_FILE = click.Path(path_type=Path, dir_okay=False)
ON_THE_NODE = Path("/etc/tidemark/config.toml")
"""Where the installation leaves the settings."""
LONGEST_PAUSE_S = 7 * 86_400.0


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


class JvmSize(click.ParamType[int]):
    """A size as Spark takes it, `8g`, `8192m` or `8192` (megabytes), in MiB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        import re

        found = re.fullmatch(r"(\d+)([mgt]?)b?", str(value).strip().lower())
        if found is None or int(found[1]) == 0:
            raise click.BadParameter(f"{value!r} is no size: write for example 8g or 8192m")
        return int(found[1]) * {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}[found[2]]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """An autoscaling agent for Spark on Amazon EMR: it decides from memory and says why."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"tidemark {agent.__version__}")


@main.command()
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings file.")
def run(path: Path) -> None:
    """Run the agent until it is asked to stop (SIGTERM, Ctrl-C).

    This process becomes a small supervisor; the agent itself is its child. A child that stops answering is
    ended, so that its port refuses Spark's connections instead of holding them.
    """
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "agent.supervisor", str(path)])


@main.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
def check(path: Path) -> None:
    """Say whether the settings in FILE can be used; every fault at once."""
    _load(path)
    click.secho(f"{path}: good", fg="green")


@main.command()
@click.argument("path", metavar="FILE", type=SETTINGS_FILE)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting over what FILE says.")
@click.option("--default", "defaults", multiple=True, metavar="KEY=VALUE", help="One setting that FILE may leave out.")
@click.option("--given", is_flag=True, help="Leave out what has its value by Tidemark's own default only.")
def config(path: Path, sets: tuple[str, ...], defaults: tuple[str, ...], given: bool) -> None:
    """Print the settings that FILE puts in force, defaults included, as a settings file."""
    from agent import settings_file

    click.echo(settings_file.render(_load(path, sets, defaults), given), nl=False)


@main.command()
@click.argument("duration", type=Duration())
@click.option("--why", default="", help="What for, for whoever reads the reasons.")
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
def pause(duration: float, why: str, path: Path) -> None:
    """Keep the agent on this node from changing anything for DURATION (30m, 2h; a week at most).

    It goes on watching and saying what it would do. A hard deadline (`idle.terminate_after_s`) holds all the same.
    """
    import getpass
    import time

    from agent.domain.observation import Pause
    from agent.sources.pause import PauseFile

    if not 0 < duration <= LONGEST_PAUSE_S:
        raise click.UsageError("a pause lasts longer than nothing and at most a week")
    file, until = _load(path).policy.pause_path, time.time() + duration
    because = f"by {getpass.getuser()}" + (f", {why}" if why else "")
    try:
        PauseFile(file, time.time).write(Pause(until=until, why=because))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}; are you root?") from error
    click.echo(
        f"paused until {time.strftime('%Y-%m-%d %H:%M:%S %Z', time.localtime(until))}; `tidemark resume` ends it"
    )


@main.command()
@click.option("--config", "path", type=SETTINGS_FILE, default=ON_THE_NODE, show_default=True)
def resume(path: Path) -> None:
    """End a pause before its time."""
    import time

    from agent.sources.pause import PauseFile

    file = _load(path).policy.pause_path
    try:
        ended = PauseFile(file, time.time).clear()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be removed: {error.strerror}; are you root?") from error
    click.echo("the pause is over" if ended else "there was no pause")


@main.command()
@click.argument("journal", metavar="JOURNAL", type=SETTINGS_FILE)
@click.option("--config", "path", type=SETTINGS_FILE, required=True, help="The settings to decide with.")
@click.option("--all", "everything", is_flag=True, help="List every turn, not only those that differ or act.")
@click.option("--shadows", is_flag=True, help="Also what the shadow policies of the journal said.")
@click.option(
    "--unit-usd-per-hour",
    "usd",
    type=click.FloatRange(min=0, min_open=True),
    help="What a capacity unit costs, instead of the prices that the journal holds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print data for a program.")
def replay(journal: Path, path: Path, everything: bool, shadows: bool, usd: float | None, as_json: bool) -> None:
    """Decide a JOURNAL again: where the decisions would differ, and what that comes to in capacity and money.

    The sum weighs each differing decision by itself. It is no forecast: what the cluster would have done under other
    decisions was not seen.
    """
    from rich.console import Console

    from agent.replay_report import Report

    settings = _load(path)
    try:
        with journal.open(encoding="utf-8", errors="replace") as lines:
            report = Report.of(lines, settings, usd)
    except OSError as error:
        raise click.ClickException(f"{journal} cannot be read: {error.strerror}") from error
    if not report.turns:
        raise click.ClickException(f"{journal} holds no turn: is it a journal of tidemark?")
    if as_json:
        click.echo(report.as_json(everything=everything))
        return
    console = Console()
    console.print(report.table(everything=everything, shadows=shadows))
    console.print(report.summary(shadows=shadows))


@main.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to leave the report [./demo-report-<time>].",
)
@click.option(
    "--cluster",
    type=click.Choice(["standalone", "yarn"]),
    default="standalone",
    show_default=True,
    help="What runs the executors. yarn: real Hadoop daemons, whose jars Maven brings.",
)
@click.option(
    "--policy",
    type=click.Choice(["threshold", "dataproc", "demand"]),
    default="threshold",
    show_default=True,
    help="What scales; another than threshold is compared with it.",
)
@click.option(
    "--compare/--no-compare",
    default=None,
    help="Run the same job with thresholds first, for the report.  [default: with another policy than threshold]",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Compare with an earlier report instead.",
)
@click.option(
    "--without",
    type=click.Choice(["sink", "spot", "job-end"]),
    help="Take one part away and see the demo fail at the stage that needs it.",
)
@click.option(
    "--shuffle-service",
    is_flag=True,
    help="On YARN: Spark's external shuffle service in the NodeManagers, if Maven brings it. It listens on all "
    "interfaces, which is why it is off by default.",
)
def demo(
    folder: Path | None,
    cluster: str,
    policy: str,
    compare: bool | None,
    against: Path | None,
    without: str | None,
    shuffle_service: bool,
) -> None:
    """Watch the whole loop on this machine: a real Spark, a sandbox of EMR, and the agent as you would run it.

    It takes about two minutes, twice that when policies are compared, and ends when the idle cluster has been
    terminated. Every stage counts only as seen from outside the agent: in CloudWatch, EMR and Spark.
    """
    import dataclasses
    import time

    from rich.console import Console

    from agent.settings_policy import PolicyKind

    try:
        from agent.sandbox.demo import compared, figures, ground, yarn_ground
        from agent.sandbox.demo.plan import Plan
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; the demo needs: pip install 'tidemark[sandbox]'") from error
    if shuffle_service and cluster != "yarn":
        raise click.UsageError("--shuffle-service is of NodeManagers: it needs --cluster yarn")
    plan, stand = (Plan(), ground.standalone) if cluster == "standalone" else (yarn_ground.PLAN, yarn_ground.yarn)
    kind = PolicyKind(policy)
    if compare is None:
        compare = kind is not PolicyKind.THRESHOLD and without is None and against is None
    if compare and (kind is PolicyKind.THRESHOLD or without or against):
        raise click.UsageError("--compare is of another policy than threshold, and needs the whole demo twice")
    try:
        beside = None if against is None else figures.read(against)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    plan = dataclasses.replace(
        plan,
        policy=kind,
        sink=without != "sink",
        spot_supply=0 if without == "spot" else None,
        job_ends=without != "job-end",
        shuffle_service=shuffle_service,
    )
    target = (folder or Path(time.strftime("demo-report-%Y%m%d-%H%M%S"))).resolve()
    console = Console(highlight=False)
    try:
        ending = compared.run(plan, target, console, stand, compare=compare, beside=beside)
    except (*ground.CANNOT_STAND, *yarn_ground.CANNOT_STAND) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted; what there is so far is in {target}") from None
    console.print(f"\nReport: {ending.page}")
    if ending.missing is not None:
        raise click.ClickException(f"stage not observed: {ending.missing.name}")
    console.print("Every stage was observed.", style="bold green")


@main.command()
@click.option("--config", "path", type=SETTINGS_FILE, help="The settings file [ROOT/etc/tidemark/config.toml].")
@click.option("--offline", is_flag=True, help="Only what needs neither network nor cluster.")
@click.option("--json", "as_json", is_flag=True, help="Print data for a program.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    show_default=True,
    help="Where the node's file system begins.",
)
def doctor(path: Path | None, offline: bool, as_json: bool, root: Path) -> None:
    """Look at all that the agent needs on this node, change nothing, and say what to do.

    Best run on the primary as root, or as the agent's user. It takes less than half a minute, however much hangs.
    """
    from agent.doctor.diagnosis import diagnose
    from agent.doctor.findings import failed

    findings = diagnose(path, root, only_offline=offline)
    if as_json:
        from agent.doctor.report import as_json as data

        click.echo(data(findings))
    else:
        from rich.console import Console

        from agent.doctor.report import WIDTH, summary, table

        console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
        console.print(table(findings))
        console.print(summary(findings))
    sys.exit(1 if failed(findings) else 0)


@main.command()
@click.option("--config", "path", type=SETTINGS_FILE, help=f"The settings file [{ON_THE_NODE}, where there is one].")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="One candidate [those of the task capacity].")
@click.option("--zone", "zones", multiple=True, metavar="ZONE", help="Only this availability zone [all].")
@click.option("--executor-memory", type=JvmSize(), default="8g", show_default=True, help="spark.executor.memory")
@click.option("--executor-cores", type=click.IntRange(min=1), default=4, show_default=True)
@click.option(
    "--executor-overhead",
    type=click.FloatRange(min=0),
    help="Memory overhead as a part of its memory [0.1875, as EMR sets it].",
)
@click.option("--hours", type=click.IntRange(1, 2160), default=24, show_default=True, help="What the median is of.")
@click.option("--region", help="Instead of that of the settings, the node or the AWS configuration.")
@click.option("--endpoint-url", help="Another endpoint than AWS's own.")
@click.option("--json", "as_json", is_flag=True, help="Print data for a program.")
def quote(path: Path | None, types: tuple[str, ...], region: str | None, as_json: bool, **options: Any) -> None:
    """Rank instance types by what a GB of memory costs that executors can really use, on the spot market of now.

    Memory counts as far as YARN gets it and executors of the given size fill it. What is not known comes last.
    """
    import time

    from agent import quoting
    from agent.market import report

    given = _load(path) if path is not None else (_load(ON_THE_NODE) if ON_THE_NODE.exists() else None)
    try:
        question, clients = quoting.prepared(given, types, region, **options)
        found = quoting.ask(question, clients, time.time())
    except quoting.QuoteError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(report.as_json(found.rows, question.executor, found.region, found.at, found.fee_percent))
    else:
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else report.WIDTH)
        console.print(report.table(found.rows, question.executor, question.hours, console.width))
    _warn(list(found.warnings))


@main.command("spark-conf")
@click.argument("doing", metavar="apply|remove|show", type=click.Choice(["apply", "remove", "show"]))
@click.option("--config", "path", type=SETTINGS_FILE, help="The settings file [ROOT/etc/tidemark/config.toml].")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("/"),
    show_default=True,
    help="Where the node's file system begins.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say only what has changed or failed.")
def spark_conf(doing: str, path: Path | None, root: Path, quiet: bool) -> None:
    """Have Spark on this node report to the agent, or no longer.

    apply writes a block of lines into /etc/spark/conf/metrics.properties, names in it the primary whose agent acts,
    and leaves all other lines alone; where Spark is not there (yet) it does nothing. remove takes the block out.
    show prints the file and what apply would name. Applications read the file when they start.
    """
    from agent.node import verb
    from agent.node.spark_conf import SparkConf, State

    if doing == "show":
        for line in verb.shown(_node_settings(path, root), root):
            click.echo(line)
        return
    nothing_new = {State.NO_SPARK, State.UNCHANGED, State.LATER} if quiet else set()
    report = SparkConf(root).remove() if doing == "remove" else verb.applied(_node_settings(path, root), root)
    if report.state in nothing_new:
        return
    for note in report.notes:
        click.secho(f"note: {note}", fg="yellow", err=True)
    if report.state is State.REFUSED:
        raise click.ClickException(report.text)
    click.echo(f"{report.state}: {report.text}")


def _node_settings(path: Path | None, root: Path) -> Settings:
    return _load(path if path is not None else root / "etc" / "tidemark" / "config.toml")


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
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print data for a program.")


@main.command()
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
    """Build what is unpacked on a node: the agent and its locked dependencies, for each architecture."""
    import json

    from rich.console import Console

    with _releasing():
        from agent.release import bundle, report

        built = bundle.build(output, _architectures(arch), pythons)
    if as_json:
        click.echo(json.dumps(report.as_data(built), indent=2))
    else:
        Console().print(report.table(built))
    _warn(report.warnings(built))


@main.command()
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
@click.option("--endpoint-url", help="Another endpoint than AWS's own.")
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
    if as_json:
        click.echo(json.dumps(report.published_as_data(launch, release), indent=2))
    else:
        click.secho(report.published_line(release), fg="green")
        click.echo(report.paste(launch, release))
    _warn(report.warnings(release.built))


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)


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


@main.command()
@click.argument("trace", type=SETTINGS_FILE, required=False)
@click.option("--shape", help="A generated workload instead of a file: square, ramp, short, long, waiting.")
@click.option("--journal", is_flag=True, help="TRACE is a journal of tidemark, not a SWIM trace.")
@click.option("--config", "path", type=SETTINGS_FILE, help="Settings whose limits and own policy take part.")
@click.option("--max-units", type=click.IntRange(min=1), default=60, show_default=True, help="Without --config.")
@click.option(
    "--mean-slots",
    type=click.FloatRange(min=0.1),
    default=96.0,
    show_default=True,
    help="How many slots a SWIM trace keeps busy on average: its scale.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of delays, placement and generated work.")
@click.option("--report", type=SETTINGS_FILE, help="Where to leave the HTML page.")
def simulate(
    trace: Path | None,
    shape: str | None,
    journal: bool,
    path: Path | None,
    max_units: int,
    mean_slots: float,
    seed: int,
    report: Path | None,
) -> None:
    """Try policies on a workload: TRACE in the SWIM format, a journal, or a generated --shape.

    Discrete events around the agent's own policies and guards. Every policy gets the same jobs; cost and delay stand
    side by side, beside the best single size, instant elasticity and a clairvoyant.
    """
    from rich.console import Console
    from rich.progress import Progress

    from agent.settings import Settings

    try:
        from agent.simulate import session
    except ModuleNotFoundError as error:
        raise click.ClickException("a node has only what runs there: simulate with an installed tidemark") from error
    base = Settings.model_validate({"fleet": {"max_capacity_units": max_units}}) if path is None else _load(path)
    try:
        found = session.workload(trace, shape, journal=journal, mean_slots=mean_slots, seed=seed)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    console = Console()
    with Progress(console=console, transient=True) as progress:
        compared = session.compare_all(found, base, own=path is not None, bars=progress)
    console.print(session.table(compared))
    if report is None:
        return
    try:
        session.write(compared, report)
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; the page needs: pip install 'tidemark[simulate]'") from error
    except OSError as error:
        raise click.ClickException(f"{report} cannot be written: {error.strerror}") from error
    console.print(f"Report: {report}")


def _load(path: Path, sets: tuple[str, ...] = (), defaults: tuple[str, ...] = ()) -> Settings:
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
