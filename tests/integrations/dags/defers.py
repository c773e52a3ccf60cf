"""A task that defers, notes that it did, and fails the first time it comes back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException


class Defers(BaseOperator):
    template_fields = ("notes",)

    def __init__(self, *, notes: str, **more: Any) -> None:
        super().__init__(**more)
        self.notes = notes

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow's name
        self._note("started")
        self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="resume")

    def resume(self, context: Any, event: Any) -> None:  # noqa: ARG002 - Airflow's names
        self._note("resumed")
        if Path(self.notes).read_text().count("started") < 2:
            raise AirflowException("once more")

    def _note(self, word: str) -> None:
        with Path(self.notes).open("a") as file:
            file.write(f"{word}\n")


with DAG("defers") as dag:
    Defers(task_id="task", notes="{{ dag_run.conf['notes'] }}", retries=1, retry_delay=timedelta(seconds=1))
