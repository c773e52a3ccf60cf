"""`demo`."""

from __future__ import annotations

from pathlib import Path

import click

LOOP_PARTS = ("sink", "spot", "job-end")
LIFECYCLE_PARTS = ("sweep", "events", "schedule", "owner")


@click.command()
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
    type=click.Choice([*LOOP_PARTS, *LIFECYCLE_PARTS]),
    help="Take one part away and see the demo fail at the stage that needs it, or, of the last four, which are of "
    "--lifecycle, what stands in for it.",
)
@click.option(
    "--lifecycle",
    is_flag=True,
    help="Another story: three clusters from launch to end, by an owner, a deadline, and the loss of core nodes.",
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
    lifecycle: bool,
    shuffle_service: bool,
) -> None:
    """Watch the whole loop on this machine: a real Spark, a sandbox of EMR, and the agent as you would run it.

    It takes about two minutes, twice that when policies are compared, and ends when the idle cluster has been
    terminated. Every stage counts only as seen from outside the agent: in CloudWatch, EMR and Spark.
    """
    of_loop = cluster != "standalone" or policy != "threshold" or compare or against or shuffle_service
    _check(lifecycle, without, of_loop=bool(of_loop))
    if lifecycle:
        _lifecycle(folder, without)
        return
    import dataclasses
    import signal
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
    # told to end it clears up as after Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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


def _check(lifecycle: bool, without: str | None, *, of_loop: bool) -> None:
    """Whether the options belong to one story."""
    if lifecycle and of_loop:
        raise click.UsageError("--lifecycle takes only --folder and --without: it is another story")
    if without is not None and lifecycle is (without in LOOP_PARTS):
        raise click.UsageError(f"--without {without} is of the demo {'without' if lifecycle else 'with'} --lifecycle")


def _lifecycle(folder: Path | None, without: str | None) -> None:
    import signal
    import time

    from rich.console import Console

    try:
        from agent.sandbox.demo.lifecycle import runner
        from agent.sandbox.demo.lifecycle.plan import Part, Plan
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; the demo needs: pip install 'tidemark[sandbox]'") from error
    target = (folder or Path(time.strftime("demo-report-%Y%m%d-%H%M%S"))).resolve()
    console = Console(highlight=False)
    # told to end it clears up as after Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ending = runner.run(Plan(without=Part(without) if without else None), target, console)
    except runner.CANNOT_RUN as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted; what there is so far is in {target}") from None
    console.print(f"\nReport: {ending.page}")
    if ending.missing is not None:
        raise click.ClickException(f"stage not observed: {ending.missing.name}")
    console.print("Every stage was observed.", style="bold green")
    if ending.saved is not None:
        console.print(ending.saved, style="bold")
