"""One message of the queue: heard, or raised, so that the queue delivers it again and gives it up in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.domain.faults import PermanentFault
from agent.lifecycle.conduct import Conductor
from agent.lifecycle.events import Ignored, Malformed
from agent.lifecycle.ingress import events_of


def deliver(
    conductor: Conductor, body: str, attributes: Mapping[str, str], now: float, count: Callable[[str], None]
) -> None:
    """Do what the message asks for. Raises Fault: a malformed one goes to the dead letters with its reason in the log,
    and one that failed for the world's sake comes again. Of a message with several events all are tried."""
    failed: Exception | None = None
    for event in events_of(body, attributes):
        match event:
            case Malformed(why=why, details=details):
                count(f"LifecycleMalformed.{why}")
                failed = failed or PermanentFault(f"{why}: {dict(details)}")
            case Ignored(why=why):
                count(f"LifecycleIgnored.{why}")
            case _:
                try:
                    conductor.hear(event, now)
                except Exception as error:
                    failed = failed or error
    if failed is not None:
        raise failed
