"""A real Airflow with a database of its own. Where none is installed, its tests are left to `make test-airflow`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integrations.cloud import Cloud, cloud

HERE_IS_AIRFLOW = find_spec("airflow") is not None
collect_ignore_glob = [] if HERE_IS_AIRFLOW else ["test_airflow*.py"]

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "airflow.md"
_HOME = tempfile.TemporaryDirectory(prefix="tidemark-airflow-")
AIRFLOW_HOME = Path(_HOME.name)
DAGS = AIRFLOW_HOME / "dags"

if HERE_IS_AIRFLOW:
    # Airflow reads these when it is first imported, which is when pytest collects the tests
    os.environ.update(
        AIRFLOW_HOME=str(AIRFLOW_HOME),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Where this Airflow keeps all that is its own; its database and its DAGs are ready, the documented one too."""
    shutil.copytree(HERE / "dags", DAGS)
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    (DAGS / "documented.py").write_text(example)
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    done = subprocess.run(migrate, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return AIRFLOW_HOME


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The lifecycle that the environment of this process names from now on. Its steps find a `spark-submit` that does
    nothing."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "spark-submit").symlink_to(shutil.which("true") or "/bin/true")
    with cloud({**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}) as made:
        os.environ.update(made.environment)
        yield made
