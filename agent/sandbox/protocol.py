"""What a boto3 client sends and reads, by moto's own parsers and serializers: JSON and Query alike."""

from __future__ import annotations

import gzip
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import EnvironHeaders, MultiDict

from agent.sandbox.model_faults import faults

# the errors that every service has (Throttling, AccessDenied) are in no service's model: moto says so on stderr
warnings.filterwarnings("ignore", message="Exception.* does not match an error shape", module=r"moto\.core\.serialize")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


CONTENT_TYPES: Mapping[str, str] = {"json": "application/x-amz-json-1.0", "query": "text/xml"}


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as the service model shapes it. Times are seconds since 1970."""

    operation: str
    params: Mapping[str, Any]
    protocol: str
    faults: tuple[str, ...]
    """What the service model does not allow in it."""


class Codec:
    """The wire form of one service: `cloudwatch` or `sns`."""

    def __init__(self, service: str, error: type[ServiceException]) -> None:
        """`error` is moto's exception of the service: from its module moto finds the errors' service model."""
        self._service = service
        self._error = error

    def operations(self) -> frozenset[str]:
        return frozenset(_model(self._service).operation_names)

    def operation(self, environ: Environ, body: bytes) -> str:
        """The name of the operation that is asked for, empty when there is none."""
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        if target:
            return target.rpartition(".")[2]
        return str(_form(environ, body).get("Action", ""))

    def parse(self, environ: Environ, body: bytes) -> Question:
        """Raises ServiceException when the operation is unknown, or what was sent is not of its form."""
        operation = self.operation(environ, body)
        model = _model(self._service)
        if operation not in model.operation_names:
            raise ServiceException("InvalidAction", f"The action {operation} is not valid for this endpoint.")
        protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE"))
        shape = model.operation_model(operation)
        sent: Any = {
            "method": environ["REQUEST_METHOD"],
            "values": _form(environ, body),
            "headers": EnvironHeaders(environ),
            "body": body,
            "url_path": environ.get("PATH_INFO", "/"),
            "url_params": {},
        }
        try:
            params = _plain(PROTOCOL_PARSERS[protocol](shape).parse(sent))
        except (ValueError, TypeError, AttributeError) as error:
            raise ServiceException("SerializationException", f"The request cannot be read: {error}") from error
        return Question(operation, params, protocol, tuple(faults(shape.input_shape, params)))

    def answer(self, operation: str, protocol: str, result: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body for a result, or for the error when `result` is a ServiceException."""
        serializer = get_serializer_class(self._service, protocol)(_model(self._service).operation_model(operation))
        if isinstance(result, ServiceException) and not isinstance(result, self._error):
            result = self._error(result.code, result.message)
        made: Any = serializer.serialize(result)
        body = made["body"]
        answer = body if isinstance(body, bytes) else body.encode()
        headers = {**made["headers"], "Content-Type": CONTENT_TYPES[protocol], "Content-Length": len(answer)}
        return int(made["status_code"]), [(name, str(value)) for name, value in headers.items()], answer


_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


def scope_of(environ: Environ) -> tuple[str, str]:
    """Region and service that the request is signed for; empty texts when it is not signed."""
    found = _SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    return ("", "") if found is None else (found["region"], found["service"])


def body_of(environ: Environ) -> bytes:
    """The body, unpacked. Raises ServiceException when it says gzip and is none."""
    read: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ.get("HTTP_CONTENT_ENCODING") != "gzip":
        return read
    try:
        return gzip.decompress(read)
    except (OSError, EOFError) as error:
        raise ServiceException("SerializationException", "The body is not gzip") from error


@cache
def _model(service: str) -> Any:
    return get_service_model(service)


def _form(environ: Environ, body: bytes) -> MultiDict[str, str]:
    text = str(environ.get("QUERY_STRING", ""))
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        text = f"{text}&{body.decode(errors='replace')}"
    return MultiDict(parse_qsl(text, keep_blank_values=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value
