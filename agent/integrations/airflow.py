"""Airflow 3: an operator that starts a cluster and waits for its end, and a sensor. What they know is the lifecycle's.

Both read the lifecycle's table, and EMR's API only now and then (`agent.lifecycle.watch`). Nothing here ends a cluster:
whoever is no longer waited for is told to the lifecycle's queue, and ends as every owner's clusters do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk.bases.sensor import PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralError, TaskDeferralTimeout

from agent.domain.faults import Fault, PermanentFault
from agent.integrations.airflow_ends import (
    ClusterAborted,
    ClusterFailed,
    ClusterLost,
    ClusterRefused,
    Event,
    judged,
)
from agent.integrations.airflow_triggers import Attempt, ClusterTrigger, LaunchTrigger, owner_of
from agent.integrations.desk import Desk, Where, desk_of
from agent.lifecycle.words import State

__all__ = [
    "ClusterAborted",
    "ClusterFailed",
    "ClusterLost",
    "ClusterRefused",
    "EmrClusterStateSensor",
    "TidemarkClusterOperator",
]


class TidemarkClusterOperator(BaseOperator):
    """Launch a cluster by one of the lifecycle's profiles, with steps, and wait for its end.

    One task and not two: a retry launches anew. The result (XCom) of success is a dictionary with `cluster_id`,
    `launch_id`, `attempts`, `why` and the times. Failures are `ClusterLost` and `ClusterFailed`, which Airflow tries
    again if the task has retries, and `ClusterRefused` and `ClusterAborted`, which it does not.

    :param profile: name of the cluster profile (templated).
    :param steps: as AddJobFlowSteps takes them, after those of the profile's own request (templated; as one text only
        in a DAG with `render_template_as_native_obj`).
    :param timeout: the cluster ends so long after the task has begun, whatever happens to Airflow; None: when the
        profile says so.
    :param launch_retry: whether the lifecycle itself launches again: `start` until the cluster was ready once, `lost`
        also afterwards, `never`; None: as the profile says.
    :param table: the lifecycle's table (templated); else TIDEMARK_TABLE.
    :param queue_url: its queue (templated); else TIDEMARK_QUEUE_URL.
    :param region: of both (templated); else that of the AWS configuration.
    :param endpoint_url: another endpoint than AWS's own.
    :param poll_interval: seconds between two looks at the table.
    :param deferrable: wait in the triggerer, without a worker slot.
    """

    template_fields: Sequence[str] = ("profile", "steps", "table", "queue_url", "region", "endpoint_url")
    template_fields_renderers = {"steps": "json"}  # noqa: RUF012 - Airflow's own way
    ui_color = "#d5e8f3"

    def __init__(
        self,
        *,
        profile: str,
        steps: Sequence[Mapping[str, Any]] | str = (),
        timeout: timedelta | None = timedelta(hours=24),
        launch_retry: str | None = None,
        table: str | None = None,
        queue_url: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        poll_interval: float = 30.0,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.profile = profile
        self.steps = steps
        self.timeout = timeout
        self.launch_retry = launch_retry
        self.table = table
        self.queue_url = queue_url
        self.region = region
        self.endpoint_url = endpoint_url
        self.poll_interval = poll_interval
        self.deferrable = deferrable
        self._mine: tuple[Where, Attempt] | None = None

    def execute(self, context: Any) -> Event:
        """Does not come back when it defers."""
        where, attempt = self._begin(context)
        asked_at = time.time()
        terminate_at = None if self.timeout is None else asked_at + self.timeout.total_seconds()
        self._launch(desk_of(where), attempt, context["ti"].try_number, terminate_at)
        trigger = LaunchTrigger(
            where=where.data(),
            attempt=asdict(attempt),
            asked_at=asked_at,
            terminate_at=terminate_at,
            poll_s=self.poll_interval,
        )
        if self.deferrable:
            self.defer(trigger=trigger, method_name="resume")
        try:
            while (event := trigger.looked()) is None:
                time.sleep(trigger.pause_s())
        except Exception:
            self._give_up("its task in Airflow has failed")
            raise
        return self._finish(event)

    def resume(self, context: Any, event: Event) -> Event:
        """The trigger has fired."""
        self._begin(context)
        return self._finish(event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """When the trigger itself has failed, nobody waits for the cluster any more."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout):
            self._begin(context)
            self._give_up("its trigger in Airflow has failed")
            raise

    def on_kill(self) -> None:
        """The task is killed while it runs on a worker."""
        self._give_up("its task in Airflow was killed")

    def _begin(self, context: Any) -> tuple[Where, Attempt]:
        where = _where(table=self.table, queue_url=self.queue_url, region=self.region, endpoint_url=self.endpoint_url)
        if not where.queue_url:
            raise AirflowFailException("no queue of the lifecycle is named: give queue_url, or set TIDEMARK_QUEUE_URL")
        self._mine = where, Attempt.of(context["ti"])
        return self._mine

    def _launch(self, desk: Desk, attempt: Attempt, try_number: int, terminate_at: float | None) -> None:
        """What earlier tries of this task have left ends first: whoever ran them may have died."""
        if isinstance(self.steps, str):
            raise AirflowFailException(
                "steps is a text: a DAG that renders it needs render_template_as_native_obj=True"
            )
        try:
            # nothing is asked for whose table cannot be read
            desk.follow(attempt.launch_id)
            for earlier in (owner_of(attempt.alias, number) for number in range(1, try_number)):
                if not desk.is_known_gone(earlier):
                    desk.owner_gone(earlier, f"its task in Airflow is in try {try_number}")
        except Fault as fault:
            raise ClusterLost(f"launch {attempt.launch_id} is not asked for: {fault}") from fault
        try:
            desk.launch(
                attempt.launch_id,
                self.profile,
                attempt.owner,
                attempt.alias,
                self.steps,
                terminate_at,
                self.launch_retry,
            )
        except Fault as fault:
            # it may be there all the same
            self._give_up("its task in Airflow was not told whether it was heard")
            raise ClusterLost(f"launch {attempt.launch_id}: {fault}") from fault
        self.log.info("launch %s is asked for %s", attempt.launch_id, attempt.owner)

    def _finish(self, event: Event) -> Event:
        if event["kind"] is None:
            self._give_up(event["why"])
        self._mine = None
        return judged(event)

    def _give_up(self, why: str) -> None:
        if self._mine is None:
            return
        where, attempt = self._mine
        try:
            desk_of(where).owner_gone(attempt.owner, why)
        except Fault as fault:
            self.log.error("%s is not told that nobody waits for it: %s", attempt.owner, fault)


class EmrClusterStateSensor(BaseSensorOperator):
    """Wait until a cluster is in one of some states, or, without any, until it has ended well.

    It fails as soon as that cannot come any more: with `ClusterLost` also for a cluster that EMR calls alive and that
    has lost its primary or its core nodes (ZERO_MASTER, ZERO_CORE), which the lifecycle ends by itself. The cluster
    need not be the lifecycle's: EMR is asked about one that its table does not have.

    :param cluster_id: such as `j-2AXXXXXXGAPLF` (templated).
    :param states: of EMR (`WAITING`), or ZERO_MASTER and ZERO_CORE; empty: until it has ended.
    :param table: the lifecycle's table (templated); else TIDEMARK_TABLE.
    :param region: of the table (templated); else that of the AWS configuration.
    :param endpoint_url: another endpoint than AWS's own.
    :param deferrable: wait in the triggerer, without a worker slot. Otherwise `mode` says how.
    """

    template_fields: Sequence[str] = ("cluster_id", "table", "region", "endpoint_url")
    ui_color = "#d5e8f3"

    def __init__(
        self,
        *,
        cluster_id: str,
        states: Collection[str] = (),
        table: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        unknown = sorted(set(states) - set(State))
        if unknown:
            raise ValueError(f"states: {unknown} are none of {[state.value for state in State]}")
        self.cluster_id = cluster_id
        self.states = sorted(states)
        self.table = table
        self.region = region
        self.endpoint_url = endpoint_url
        self.deferrable = deferrable

    def execute(self, context: Any) -> Any:
        """Does not come back when it defers."""
        if not self.deferrable:
            return super().execute(context)
        seen = self.poke(context)
        if not seen:
            patience = timedelta(seconds=self.timeout)
            self.defer(trigger=self._trigger(), method_name="resume", timeout=patience)
        return seen.xcom_value

    def poke(self, context: Any) -> PokeReturnValue:  # noqa: ARG002 - Airflow's name
        """One look. A fault that may pass says nothing of the cluster; any other fails the task."""
        try:
            event = self._trigger().looked()
        except PermanentFault as fault:
            raise AirflowFailException(f"cluster {self.cluster_id}: {fault}") from fault
        return PokeReturnValue(False) if event is None else PokeReturnValue(True, judged(event))

    def resume(self, context: Any, event: Event) -> Event:  # noqa: ARG002 - Airflow's name
        """The trigger has fired."""
        return judged(event)

    def _trigger(self) -> ClusterTrigger:
        where = _where(table=self.table, region=self.region, endpoint_url=self.endpoint_url)
        return ClusterTrigger(
            where=where.data(), cluster_id=self.cluster_id, states=self.states, poll_s=self.poke_interval
        )


def _where(**given: str | None) -> Where:
    try:
        return Where.of(os.environ, **given)
    except ValueError as error:
        raise AirflowFailException(str(error)) from error
