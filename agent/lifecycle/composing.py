"""Puts the conductor together: the same for the function, the verbs and the simulation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent import log
from agent.aws.clients import Clients
from agent.domain.ports import Clock
from agent.lifecycle.budget import Budget
from agent.lifecycle.conduct import Conductor
from agent.lifecycle.deadlines import deadlines as scheduled
from agent.lifecycle.ending import ClusterEnder
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.hands import Hands
from agent.lifecycle.later import NoLater, QueueLater
from agent.lifecycle.launch import FleetLauncher
from agent.lifecycle.ports import Deadlines, Later, Teller, Tokens
from agent.lifecycle.runner import StepRunner
from agent.lifecycle.store import Store
from agent.lifecycle.table import Table
from agent.lifecycle.tell import teller as by_topic
from agent.lifecycle.tokens import StepFunctionsTokens
from agent.settings_lifecycle import LifecycleSettings


def on_aws(
    table: Table,
    clients: Clients,
    settings: LifecycleSettings,
    clock: Clock,
    count: Callable[[str], None],
    *,
    by_queue: bool,
) -> Conductor:
    """`by_queue`: what has to wait comes again by the queue; otherwise the next sweep goes on with it."""
    return conductor(
        table=table,
        emr=clients.emr_once,
        settings=settings,
        clock=clock,
        count=count,
        deadlines=scheduled(lambda: clients.scheduler, settings, clock, count),
        tokens=StepFunctionsTokens(lambda: clients.stepfunctions, count),
        teller=by_topic(lambda: clients.sns, settings.topic_arn, count),
        later=QueueLater(lambda: clients.sqs, settings.queue_url, count) if by_queue else NoLater(),
    )


def conductor(
    *,
    table: Table,
    emr: Any,
    settings: LifecycleSettings,
    clock: Clock,
    count: Callable[[str], None],
    deadlines: Deadlines,
    tokens: Tokens,
    teller: Teller,
    later: Later,
) -> Conductor:
    """`emr` is a boto3 client that makes one attempt a call: each is paid for out of our share of the quotas."""
    store = Store(table, lambda why: log.event(logging.WARNING, "lifecycle.row_unreadable", error=why))
    budget = Budget(table, settings.calls_share)
    eyes = EmrEyes(emr, budget, clock)
    ender = ClusterEnder(
        store=store,
        eyes=eyes,
        client=emr,
        budget=budget,
        deadlines=deadlines,
        teller=teller,
        clock=clock,
        count=count,
        table=settings.table,
    )
    launcher = FleetLauncher(
        store=store,
        eyes=eyes,
        client=emr,
        budget=budget,
        ender=ender,
        deadlines=deadlines,
        clock=clock,
        count=count,
        table=settings.table,
    )
    return Conductor(
        Hands(
            store=store,
            eyes=eyes,
            ender=ender,
            launcher=launcher,
            runner=StepRunner(store=store, client=emr, budget=budget, clock=clock, count=count),
            tokens=tokens,
            deadlines=deadlines,
            later=later,
            teller=teller,
            settings=settings,
            count=count,
        )
    )
