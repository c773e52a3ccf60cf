"""What the integration takes for granted of Airflow: an operator that defers starts anew when it is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrations.dags.defers import dag

pytestmark = pytest.mark.airflow


def test_a_retry_starts_a_deferred_operator_anew(airflow_home: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    run = dag.test(run_conf={"notes": str(notes)})
    assert notes.read_text().split() == ["started", "resumed", "started", "resumed"]
    assert run.state == "success"
