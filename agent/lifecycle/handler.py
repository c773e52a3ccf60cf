"""The function: a batch of the one queue in, the messages that are to be delivered again out.

`handle` is Lambda's entry. It keeps nothing between two calls but clients; what it counted goes into the log as one
line of CloudWatch's embedded metric format, which makes metrics of it at the cost of the line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from agent import log
from agent.aws.clients import Clients
from agent.domain.faults import Fault
from agent.domain.ports import Clock
from agent.lifecycle.composing import on_aws
from agent.lifecycle.delivery import deliver
from agent.lifecycle.dynamo_table import DynamoTable
from agent.lifecycle.ingress import MESSAGE_ID
from agent.settings import AwsSettings
from agent.settings_lifecycle import LifecycleSettings, of_environment
from agent.telemetry import Telemetry

NAMESPACE = "Tidemark/Lifecycle"


class Function:
    """The handler for one table and queue. One call at a time, as Lambda does it."""

    def __init__(self, settings: LifecycleSettings, aws: AwsSettings, clock: Clock = time.time) -> None:
        self._clock = clock
        self._telemetry = Telemetry()
        self._told: Mapping[str, int] = {}
        clients = Clients(aws)
        table = DynamoTable(clients.dynamodb, settings.table)
        count = self._telemetry.count
        by_queue = bool(settings.queue_url)
        self._conductor = on_aws(table, clients, settings, clock, count, by_queue=by_queue)

    def handle(self, event: Mapping[str, Any], _: object = None) -> Mapping[str, Any]:
        """`event` is that of Lambda's event source mapping for SQS; the answer names what failed (partial batch
        responses), and only that is delivered again."""
        failed = [record["messageId"] for record in event.get("Records", ()) if not self._heard(record)]
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    def counts(self) -> Mapping[str, int]:
        """What was counted since this was asked last."""
        now = self._telemetry.counts()
        found = {name: number - self._told.get(name, 0) for name, number in now.items()}
        self._told = now
        return {name: number for name, number in found.items() if number}

    def _heard(self, record: Mapping[str, Any]) -> bool:
        attributes = {**record.get("attributes", {}), MESSAGE_ID: record["messageId"]}
        try:
            deliver(self._conductor, record["body"], attributes, self._clock(), self._telemetry.count)
        except Fault as error:
            self._telemetry.count("MessagesFailed")
            log.event(logging.WARNING, "lifecycle.message_failed", id=record["messageId"], error=str(error))
            return False
        except Exception as error:  # the boundary of this loop: one message's bug is not the others' loss
            self._telemetry.count("MessagesFailed")
            log.event(
                logging.ERROR, "lifecycle.message_failed", exc_info=True, id=record["messageId"], error=repr(error)
            )
            return False
        self._telemetry.count("MessagesHeard")
        return True


def handle(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    """Lambda's entry. Raises pydantic's ValidationError when the function's environment is wrong."""
    if not event.get("Records"):
        return {"batchItemFailures": []}
    function = _function()
    answer = function.handle(event, context)
    if counts := function.counts():
        sys.stdout.write(embedded(counts, os.environ.get("TIDEMARK_TABLE", ""), time.time()) + "\n")
    return answer


@cache
def _function() -> Function:
    """One a process: clients and their connections outlive a call."""
    log.set_up_in_host()
    return Function(of_environment(os.environ), AwsSettings())


def embedded(counts: Mapping[str, int], table: str, at: float) -> str:
    """Counts as one line that CloudWatch Logs makes metrics of (embedded metric format specification). A name behind a
    dot, the reason, becomes part of the metric's name."""
    metrics = [{"Name": name, "Unit": "Count"} for name in sorted(counts)]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Table"]], "Metrics": metrics[:100]}
    told = {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}, "Table": table, **counts}
    return json.dumps(told)
