"""The command `tidemark` and its verbs."""

from __future__ import annotations

import click

from agent.verbs import (
    alarms,
    cluster,
    cost,
    dashboard,
    demo,
    doctor,
    job,
    pausing,
    profile,
    quote,
    release,
    replay,
    running,
    scale,
    simulate,
    spark_conf,
    status,
    sweep,
)

VERBS = (
    running.version,
    running.run,
    running.check,
    running.config,
    pausing.pause,
    pausing.resume,
    scale.scale,
    replay.replay,
    demo.demo,
    alarms.alarms,
    dashboard.dashboard,
    status.status,
    doctor.doctor,
    quote.quote,
    cost.cost,
    spark_conf.spark_conf,
    release.bundle,
    release.publish,
    simulate.simulate,
    cluster.cluster,
    job.job,
    profile.profile,
    sweep.sweep,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """An autoscaling agent for Spark on Amazon EMR: it decides from memory and says why."""


for verb in VERBS:
    main.add_command(verb)
