"""The WSGI application: EMR is ours, every other service is moto's."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from agent.sandbox.emr.api import EmrApi

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

TARGET_PREFIX = "ElasticMapReduce."
"""`targetPrefix` of the service model: every EMR request has `X-Amz-Target: ElasticMapReduce.<Operation>`."""

MOTO_ANSWERS = frozenset(
    {
        "CreateSecurityConfiguration",
        "DeleteSecurityConfiguration",
        "DescribeSecurityConfiguration",
        "GetBlockPublicAccessConfiguration",
        "ListReleaseLabels",
        "ListSupportedInstanceTypes",
        "PutBlockPublicAccessConfiguration",
    }
)
"""The operations of EMR that touch no cluster: moto has them, with real data."""

NOT_IN_SANDBOX = "NotInSandbox"

log = logging.getLogger(__name__)


class Front:
    def __init__(self, api: EmrApi, moto: Wsgi) -> None:
        self._api = api
        self._moto = moto

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        operation = target.removeprefix(TARGET_PREFIX)
        if target.startswith(TARGET_PREFIX) and operation not in MOTO_ANSWERS:
            return self._answer_emr(operation, environ, start_response)
        return _without_html_faults(self._moto, environ, start_response)

    def _answer_emr(self, operation: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer: Mapping[str, Any]
        try:
            status, answer = self._api.answer(operation, body)
        except Exception as error:
            log.exception("the sandbox has a bug")
            status, answer = 400, {"__type": "SandboxBug", "message": repr(error)}
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", _headers("application/x-amz-json-1.1"))
        return [json.dumps(answer).encode()]


def _without_html_faults(app: Wsgi, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What moto lacks, and its own bugs, become a 500 with HTML, which boto3 sends again, doubling side effects.
    Here it is a 400 in the form that the client can read."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def keep(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        started[:] = [(status, headers)]
        return lambda _: None

    try:
        body = b"".join(app(environ, keep))
    except Exception:  # moto raises what it lacks and its bugs alike, straight through its application
        log.exception("moto cannot answer")
        started[:] = [("500", [])]
    status, headers = started[0]
    kind = {name.lower(): value for name, value in headers}.get("content-type", "")
    if status.startswith("500") and not kind.startswith(("application/json", "application/x-amz-json")):
        status, headers, body = _readable_fault(environ)
    start_response(status, headers)
    return [body]


def _readable_fault(environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    text = "moto does not answer this request"
    if "HTTP_X_AMZ_TARGET" in environ:
        body = json.dumps({"__type": NOT_IN_SANDBOX, "message": text})
        return "400 Error", _headers("application/x-amz-json-1.1"), body.encode()
    body = (
        f"<ErrorResponse><Error><Code>{NOT_IN_SANDBOX}</Code><Message>{escape(text)}</Message></Error></ErrorResponse>"
    )
    return "400 Error", _headers("text/xml"), body.encode()


def _headers(content_type: str) -> list[tuple[str, str]]:
    return [("Content-Type", content_type), ("x-amzn-RequestId", str(uuid.uuid4()))]
