"""A real Airflow with a database of its own. Where none is installed, its tests are left to `make test-airflow`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore_glob = [] if find_spec("airflow") else ["test_airflow*.py"]

_HOME = tempfile.TemporaryDirectory(prefix="tidemark-airflow-")
AIRFLOW_HOME = Path(_HOME.name)
# Airflow reads these when it is first imported, which is when pytest collects the tests
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).parent / "dags"),
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Where this Airflow keeps all that is its own; its database is ready."""
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(migrate, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return AIRFLOW_HOME
