"""What of SNS is answered before moto: subscriptions, their confirmation and the certificate of the signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.sns.exceptions import SNSException
from moto.sns.models import SNSBackend, sns_backends

from agent.domain.ports import Clock
from agent.sandbox.protocol import Codec, Environ, Question, StartResponse, Wsgi, body_of, scope_of
from agent.sandbox.sns.delivery import Poster
from agent.sandbox.sns.envelopes import Stationery
from agent.sandbox.sns.signing import Signer
from agent.sandbox.sns.subscriptions import SandboxSubscription

PAGE = 100
_LINKS = ("ConfirmSubscription", "Unsubscribe")
"""Asked for without credentials, by the links in an envelope."""


class SnsFront:
    """Answers what is about subscriptions; the rest goes on to `behind`. Safe to use from every thread."""

    def __init__(
        self, account: str, clock: Clock, endpoint: Callable[[], str], behind: Wsgi, trust: Path | None = None
    ) -> None:
        """`trust` is a PEM file of the authorities that HTTPS endpoints are trusted by; None: the usual ones."""
        self._account = account
        self._behind = behind
        self._signer = Signer()
        self._poster = Poster(trust)
        self._stationery = Stationery(self._signer, endpoint, clock)
        self._codec = Codec("sns", SNSException)
        self._operations: Mapping[str, Callable[[Mapping[str, Any], str], Mapping[str, Any]]] = {
            "ConfirmSubscription": self._confirm,
            "ListSubscriptions": self._list,
            "ListSubscriptionsByTopic": self._list,
            "Subscribe": self._subscribe,
            "Unsubscribe": self._unsubscribe,
        }

    def settle(self, seconds: float = 60.0) -> bool:
        """Wait until all HTTP deliveries up to now have come to an end; whether they have, in time."""
        return self._poster.settle(seconds)

    def close(self) -> None:
        self._poster.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        region, service = scope_of(environ)
        if str(environ.get("PATH_INFO", "")).startswith("/SimpleNotificationService-"):
            return self._certificate(environ, start_response)
        if not service and environ["REQUEST_METHOD"] == "GET" and self._codec.operation(environ, b"") in _LINKS:
            return self._answer("", environ, b"", start_response)
        if service != "sns":
            return self._behind(environ, start_response)
        body = body_of(environ)
        environ["wsgi.input"] = BytesIO(body)
        if self._codec.operation(environ, body) not in self._operations:
            return self._behind(environ, start_response)
        return self._answer(region, environ, body, start_response)

    def _answer(self, region: str, environ: Environ, body: bytes, start_response: StartResponse) -> Iterable[bytes]:
        question: Question | None = None
        try:
            question = self._codec.parse(environ, body)
            if question.faults:
                raise SNSException("InvalidParameter", f"Invalid parameter: {'; '.join(question.faults)}")
            result: Any = self._operations[question.operation](question.params, region)
        except ServiceException as error:
            result = error
        except ValueError as error:  # as moto's own responses have it: a filter policy that is no JSON
            result = SNSException("InvalidParameter", f"Invalid parameter: {error}")
        operation = "Subscribe" if question is None else question.operation
        status, headers, answer = self._codec.answer(operation, "query", result)
        start_response(f"{status} Answered", headers)
        return [answer]

    def _certificate(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._signer.path:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"There is no such certificate.\n"]
        start_response("200 OK", [("Content-Type", "application/x-pem-file")])
        return [self._signer.certificate]

    def _subscribe(self, request: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        backend = self._backend(region)
        made = backend.subscribe(request["TopicArn"], request.get("Endpoint", ""), request["Protocol"])
        if not isinstance(made, SandboxSubscription):
            made = SandboxSubscription(made, self._stationery, self._poster)
            backend.subscriptions[made.arn] = made
        attributes = request.get("Attributes", {})
        # the scope first: moto checks the policy by it
        for name in sorted(attributes, key=lambda name: name != "FilterPolicyScope"):
            backend.set_subscription_attributes(made.arn, name, attributes[name])
        if made.pending:
            made.ask_to_confirm()
        hidden = made.pending and not request.get("ReturnSubscriptionArn")
        return {"SubscriptionArn": "pending confirmation" if hidden else made.arn}

    def _confirm(self, request: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        topic_arn = request["TopicArn"]
        for one in self._backend(region or _region(topic_arn)).subscriptions.values():
            if isinstance(one, SandboxSubscription) and (one.topic.arn, one.token) == (topic_arn, request["Token"]):
                one.confirm()
                return {"SubscriptionArn": one.arn}
        raise SNSException("InvalidParameter", "Invalid parameter: Token")

    def _unsubscribe(self, request: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        arn = request["SubscriptionArn"]
        self._backend(region or _region(arn)).unsubscribe(arn)
        return {}

    def _list(self, request: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        found = [
            one
            for one in self._backend(region).subscriptions.values()
            if request.get("TopicArn", one.topic.arn) == one.topic.arn
        ]
        begin = int(request.get("NextToken") or 0)
        shown = [
            {
                "SubscriptionArn": "PendingConfirmation" if _pending(one) else one.arn,
                "Owner": one.owner,
                "Protocol": one.protocol,
                "Endpoint": one.endpoint,
                "TopicArn": one.topic.arn,
            }
            for one in found[begin : begin + PAGE]
        ]
        more = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(found) else {}
        return {"Subscriptions": shown, **more}

    def _backend(self, region: str) -> SNSBackend:
        backend: SNSBackend = sns_backends[self._account][region]
        return backend


def _pending(subscription: object) -> bool:
    return isinstance(subscription, SandboxSubscription) and subscription.pending


def _region(arn: str) -> str:
    parts = arn.split(":")
    if len(parts) < 6:
        raise SNSException("InvalidParameter", f"Invalid parameter: {arn} is no ARN")
    return parts[3]
