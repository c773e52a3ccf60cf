"""EMR requests and answers held against botocore's own service model, as JSON on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from agent.sandbox.model_faults import faults


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("emr")


class ModelViolation(Exception):
    """A request or an answer is not what the service model says."""


def check(client: Any) -> Any:
    """The same boto3 EMR client, which from now on raises ModelViolation for a bad request or a bad answer."""
    client.meta.events.register("before-call.emr", _check_request)
    client.meta.events.register("before-parse.emr", _check_answer)
    return client


def _check_request(model: Any, params: dict[str, Any], **_: Any) -> None:
    found = list(faults(model.input_shape, json.loads(params["body"] or b"{}")))
    if found:
        raise ModelViolation(f"{model.name} request: {'; '.join(found)}")


def _check_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    body = json.loads(response_dict["body"] or b"{}")
    found = list(_answer_faults(operation_model, response_dict["status_code"], body))
    if found:
        raise ModelViolation(f"{operation_model.name} answer: {'; '.join(found)}")


GENERIC_ERRORS = frozenset(
    {"AccessDeniedException", "ThrottlingException", "ValidationException", "UnknownOperationException"}
)
"""Codes that every AWS service answers without modelling them (Common Errors of the API reference)."""


def _answer_faults(operation_model: Any, status: int, body: dict[str, Any]) -> Iterator[str]:
    if status < 300:
        yield from faults(operation_model.output_shape, body)
        return
    modelled = {shape.name for shape in operation_model.error_shapes}
    if body.get("__type") not in modelled | GENERIC_ERRORS:
        yield f"error {body.get('__type')!r} is none of {', '.join(sorted(modelled | GENERIC_ERRORS))}"
