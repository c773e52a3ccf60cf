"""Puts the conductor together: the same for the function, the verbs and the simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.domain.ports import Clock
from agent.lifecycle.budget import Budget
from agent.lifecycle.conduct import Conductor
from agent.lifecycle.ending import ClusterEnder
from agent.lifecycle.eyes import EmrEyes
from agent.lifecycle.hands import Hands
from agent.lifecycle.launch import FleetLauncher
from agent.lifecycle.ports import Deadlines, Later, Teller, Tokens
from agent.lifecycle.runner import StepRunner
from agent.lifecycle.store import Store
from agent.lifecycle.table import Table
from agent.settings_lifecycle import LifecycleSettings


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
    store = Store(table)
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
