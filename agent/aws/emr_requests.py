"""What EMR's own service model has against a request that people have written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from agent.aws.model_faults import faults
from agent.settings_faults import SettingsFault

GIVEN_LATER: Mapping[str, Any] = {"Name": "name"}
"""What RunJobFlow requires and the launch fills in."""


def faults_of_run_job_flow(request: Mapping[str, Any]) -> Iterator[SettingsFault]:
    """All of them, by the dotted path within the request, with the nearest right name. What EMR looks at beyond its
    model (which types there are, whose roles) it says at the launch."""
    shape = _emr().operation_model("RunJobFlow").input_shape
    for fault in faults(shape, {**GIVEN_LATER, **request}):
        yield SettingsFault(".".join(map(str, fault.path)), _in_words(fault.text))


def _in_words(text: str) -> str:
    return text.replace("is not in the model", "is nothing that RunJobFlow has", 1)


@cache
def _emr() -> ServiceModel:
    return botocore.session.Session().get_service_model("emr")
