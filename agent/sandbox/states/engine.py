"""moto's engine of state machines, as far as the sandbox has to reach into it.

moto's own front keeps executions RUNNING that are stopped while they wait for a task token, loses the cause of a
SendTaskFailure, answers a token that is over like one that never was, and stumbles over an execution that has not
quite begun. Held against exactly this version by tests/sandbox/test_lifecycle_states.py.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.core.config import default_user_config

BEGIN_S = 10.0
"""How long an execution may take until it has begun."""

# it writes pages about every failed state; what failed is in the execution's history
logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)


def enable(port: int) -> None:
    """State machines run from now on, in every server of this process, and call AWS at this port."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    os.environ["MOTO_PORT"] = str(port)  # where moto's engine looks


def disable(port: int) -> None:
    """Undo `enable`, unless another server has taken its place."""
    if os.environ.get("MOTO_PORT") == str(port):
        del os.environ["MOTO_PORT"]
        default_user_config["stepfunctions"] = {"execute_state_machine": False}


def executions(account: str, region: str) -> Iterator[Any]:
    """All that moto knows, the newest first."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends  # takes half a second

    for machine in list(stepfunctions_parser_backends[account][region].state_machines):
        yield from reversed(list(machine.executions))


def wait_until_begun(execution: Any) -> None:
    """Until its task tokens can be found."""
    until = time.monotonic() + BEGIN_S
    while execution.exec_worker.env is None and running(execution) and time.monotonic() < until:
        time.sleep(0.002)


def running(execution: Any) -> bool:
    return bool(execution.status == "RUNNING")


def endpoint(execution: Any, token: str) -> Any:
    """Where the task waits that has this token; None when the execution has no such task."""
    env = execution.exec_worker.env
    return None if env is None else env.callback_pool_manager.get(token)


def waiting(execution: Any, found: Any) -> bool:
    """Whether the task still waits: it has had no answer, has not timed out, and its execution goes on."""
    return running(execution) and not found._notify_event.is_set()


def succeed(found: Any, token: str, output: str) -> None:
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeSuccess

    found.notify(CallbackOutcomeSuccess(callback_id=token, output=output))


def fail(found: Any, token: str, error: str | None, cause: str | None) -> None:
    from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure

    found.notify(CallbackOutcomeFailure(callback_id=token, error=error, cause=cause))


def abort(execution: Any, error: str | None, cause: str | None) -> None:
    """It is ABORTED from now on: no state begins any more, no Catch is followed, its tasks are told no more."""
    from moto.stepfunctions.parser.api import ExecutionStatus

    env = execution.exec_worker.env
    execution.exec_worker._execution_communication = _Deaf()
    execution.stop_date = datetime.now(UTC)
    execution.error, execution.cause = error, cause
    execution.exec_status = ExecutionStatus.ABORTED
    env.set_stop(stop_date=execution.stop_date, error=error, cause=cause)
    for one in list(env.callback_pool_manager._pool.values()):
        one.interrupt_all()


class _Deaf:
    """Where a worker that was stopped reports its end to: how it ended has been said."""

    def terminated(self) -> None:
        return
