"""Settings of the part beside the agent that launches clusters, keeps the truth about them, and ends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from agent.settings_base import Model, Seconds, Share

ENVIRONMENT = "TIDEMARK_"
"""The function has no file: `table` comes from TIDEMARK_TABLE, and so on."""


class LifecycleSettings(Model):
    """The table that clusters, jobs and profiles are in; see `docs/lifecycle.md`."""

    table: str = Field("", description="DynamoDB table; empty: the agent works alone, and the verbs need `--table`.")
    queue_url: str = Field("", description="The one queue, for verbs that submit: `launch`, `job submit`, `sweep`.")
    heartbeat_s: Seconds = Field(
        60.0, description="The agent writes what it sees into the cluster's row so often, and reads what is wanted."
    )
    heartbeat_lost_s: Seconds = Field(
        300.0,
        description="A heartbeat that is older counts as lost: EMR is asked what has become of the nodes. To the "
        "agent, orders that are older count as unknown.",
    )
    stale_s: Seconds = Field(
        600.0, description="A state that nobody has confirmed for so long is asked of EMR before it is believed."
    )
    ask_share: Share = Field(
        0.1, description="So often who watches a cluster asks EMR although the table has its state."
    )
    lost_core_s: Seconds = Field(
        300.0,
        description="For so long no core node may be there, by YARN and HDFS, before the agent ends the cluster, with "
        "a table or without.",
    )
    orphan_s: Seconds = Field(
        900.0, description="A cluster that bears a launch's name and that no launch knows is ended after so long."
    )
    schedule_group: str = Field("", description="EventBridge Scheduler's group for deadlines; empty: only the sweep.")
    schedule_role_arn: str = Field("", description="The role with which a schedule sends to the queue.")
    queue_arn: str = Field("", description="The queue as the target of a schedule.")
    topic_arn: str = Field("", description="SNS topic that hears of ends, lost clusters and jobs that failed.")
    calls_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="The share of EMR's request quotas that the lifecycle allows itself."
    )


def of_environment(environ: Mapping[str, str]) -> LifecycleSettings:
    """Of a function's environment. Raises pydantic's ValidationError."""
    prefix = len(ENVIRONMENT)
    given = {name[prefix:].lower(): value for name, value in environ.items() if name.startswith(ENVIRONMENT)}
    return LifecycleSettings.model_validate({k: v for k, v in given.items() if k in LifecycleSettings.model_fields})
