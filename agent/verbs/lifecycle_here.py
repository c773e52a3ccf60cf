"""Does here and now what the lifecycle's function would do, where there is no queue: one message, start to end."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.aws.clients import Clients
from agent.lifecycle.composing import conductor
from agent.lifecycle.deadlines import deadlines
from agent.lifecycle.delivery import deliver
from agent.lifecycle.later import NoLater
from agent.lifecycle.table import Table
from agent.lifecycle.tell import teller
from agent.lifecycle.tokens import StepFunctionsTokens
from agent.settings_lifecycle import LifecycleSettings


def do(body: str, table: Table, clients: Clients, settings: LifecycleSettings, count: Callable[[str], None]) -> None:
    """Raises Fault. What our share of EMR's quotas does not allow is left to the next sweep."""
    conducts = conductor(
        table=table,
        emr=clients.emr_once,
        settings=settings,
        clock=time.time,
        count=count,
        deadlines=deadlines(lambda: clients.scheduler, settings, time.time, count),
        tokens=StepFunctionsTokens(lambda: clients.stepfunctions, count),
        teller=teller(lambda: clients.sns, settings.topic_arn, count),
        later=NoLater(),
    )
    deliver(conducts, body, {}, time.time(), count)
