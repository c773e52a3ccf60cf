"""One task a DAG, called `task`; what it is to do is in the run's `conf`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from agent.integrations.airflow import EmrClusterStateSensor, TidemarkClusterOperator

TRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=1)}
PROFILE = "{{ dag_run.conf['profile'] }}"
STEPS: Any = "{{ dag_run.conf['steps'] }}"

DAGS = {}
for name, deferrable in (("cluster", True), ("cluster_in_worker", False)):
    with DAG(name, render_template_as_native_obj=True) as DAGS[name]:
        TidemarkClusterOperator(
            task_id="task", profile=PROFILE, steps=STEPS, poll_interval=0.2, deferrable=deferrable, **TRIES
        )

SENSORS: dict[str, Any] = {
    "sensor": {},
    "sensor_in_worker": {"deferrable": False},
    "sensor_of_ready": {"states": ["WAITING"]},
}
for name, how in SENSORS.items():
    with DAG(name) as DAGS[name]:
        EmrClusterStateSensor(
            task_id="task", cluster_id="{{ dag_run.conf['cluster_id'] }}", poke_interval=0.2, timeout=600, **how
        )
