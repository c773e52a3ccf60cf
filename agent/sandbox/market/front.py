"""What stands before moto for prices: EC2's spot history and instance types, and the Price List API."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from agent.domain.ports import Clock
from agent.sandbox.emr.refusals import Refusal
from agent.sandbox.market import ec2, price_list
from agent.sandbox.market.prices import SpotMarket

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

TARGET_PREFIX = "AWSPriceListService."
SPOT_HISTORY, INSTANCE_TYPES = "DescribeSpotPriceHistory", "DescribeInstanceTypes"
MAX_KEPT_CALLS = 10_000
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class MarketFront:
    """Answers what is about prices; the rest goes on to `behind`. Safe to use from every thread."""

    def __init__(self, market: SpotMarket, clock: Clock, behind: Wsgi, page_size: int) -> None:
        self.market = market
        self._page_size = page_size
        self._clock = clock
        self._behind = behind
        self._denied: frozenset[str] = frozenset()
        self._failures: dict[str, int] = {}
        self._calls: deque[str] = deque(maxlen=MAX_KEPT_CALLS)
        self._lock = threading.Lock()

    def deny(self, operations: Collection[str]) -> None:
        """From now on the caller has no right to exactly these operations of EC2 and the price list."""
        with self._lock:
            self._denied = frozenset(operations)

    def fail_next(self, operation: str, times: int = 1) -> None:
        """The next calls of the operation are throttled."""
        with self._lock:
            self._failures[operation] = times

    def calls(self, operation: str) -> int:
        """How often it was asked for, denied and throttled calls included."""
        with self._lock:
            return self._calls.count(operation)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        scope = _SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        if target.startswith(TARGET_PREFIX):
            region = "" if scope is None else scope["region"]
            return self._price_list(target.removeprefix(TARGET_PREFIX), region, environ, start_response)
        if scope is not None and scope["service"] == "ec2":
            return self._ec2(environ, start_response)
        return self._behind(environ, start_response)

    def _ec2(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(environ)
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation = form.get("Action", "")
        try:
            self._admit(operation, "UnauthorizedOperation", "RequestLimitExceeded")
            if operation not in (SPOT_HISTORY, INSTANCE_TYPES):
                environ["wsgi.input"] = BytesIO(body)
                return self._behind(environ, start_response)
            status, answer = 200, self._ec2_answer(operation, form)
        except Refusal as refusal:
            status, answer = refusal.status, ec2.fault(refusal.code, refusal.text)
        start_response(f"{status} Answered", [("Content-Type", "text/xml;charset=UTF-8")])
        return [answer]

    def _ec2_answer(self, operation: str, form: ec2.Form) -> bytes:
        if form.get("DryRun") == "true":
            raise Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        if operation == INSTANCE_TYPES:
            return ec2.instance_types(form, self._page_size)
        return ec2.history(self.market, form, self._clock(), self._page_size)

    def _price_list(
        self, operation: str, region: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        body = _body(environ)
        try:
            if region not in price_list.REGIONS:
                raise Refusal("UnrecognizedClientException", f"The Price List API has no endpoint in {region}.")
            self._admit(operation, "AccessDeniedException", "ThrottlingException")
            if operation != "GetProducts":
                raise Refusal("UnknownOperationException", f"{operation} is not in the sandbox.")
            status, answer = 200, dict(price_list.products(self.market, json.loads(body), self._page_size))
        except Refusal as refusal:
            status, answer = refusal.status, {"__type": refusal.code, "message": refusal.text}
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", str(uuid.uuid4()))]
        start_response(f"{status} Answered", headers)
        return [json.dumps(answer).encode()]

    def _admit(self, operation: str, denied: str, throttled: str) -> None:
        with self._lock:
            self._calls.append(operation)
            if operation in self._denied:
                text = f"You are not authorized to perform {operation}: no identity-based policy allows the action"
                raise Refusal(denied, text, 403)
            if self._failures.get(operation, 0) > 0:
                self._failures[operation] -= 1
                raise Refusal(throttled, "Rate exceeded", 400)


def _body(environ: Environ) -> bytes:
    read: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return read
