"""moto's subscription with an envelope that can be verified, and delivery over HTTP only once it is confirmed."""

from __future__ import annotations

import json
import secrets
from typing import Any

from moto.sns.models import Subscription

from agent.sandbox.sns.delivery import Poster
from agent.sandbox.sns.envelopes import Stationery, headers


class SandboxSubscription(Subscription):
    """Takes the place of a subscription that moto has made. moto's own signs without the subject, with a new key
    for each, sends no confirmation and calls HTTP endpoints while the publisher waits."""

    def __init__(self, made: Subscription, stationery: Stationery, poster: Poster) -> None:
        super().__init__(made.account_id, made.topic, made.endpoint, made.protocol)
        self.arn = made.arn
        self.attributes = made.attributes
        self.token = secrets.token_hex(128)
        self._stationery = stationery
        self._poster = poster
        self._set(confirmed=made.protocol not in ("http", "https"))

    @property
    def pending(self) -> bool:
        return not self.confirmed

    def confirm(self) -> None:
        self._set(confirmed=True)

    def ask_to_confirm(self) -> None:
        """Send the endpoint the token with which it, or whoever owns it, confirms."""
        envelope = self._stationery.confirmation(self.topic.arn, self.token, self._version())
        self._poster.post(self.endpoint, headers(envelope, None), json.dumps(envelope, indent=2))

    def publish(
        self,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        self.attributes["RawMessageDelivery"] = self._raw()  # moto takes the text "false" for true
        if self.protocol not in ("http", "https"):
            super().publish(
                message, message_id, subject, message_attributes, group_id, deduplication_id, message_structure
            )
        elif self.confirmed and self._wanted(message, message_attributes):
            text = self._parse_message_structure(message, self.protocol) if message_structure == "json" else message
            envelope = self.get_post_data(text, message_id, subject, message_attributes)
            body = text if self._raw() else json.dumps(envelope, indent=2)
            self._poster.post(self.endpoint, headers(envelope, self.arn, self._raw()), body)

    def get_post_data(
        self, message: str, message_id: str, subject: str | None, message_attributes: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return self._stationery.notification(
            self.topic.arn, self.arn, message, message_id, subject, message_attributes, self._version()
        )

    def _wanted(self, message: str, attributes: dict[str, Any] | None) -> bool:
        matcher = self._filter_policy_matcher
        return matcher is None or bool(matcher.matches(attributes, message))

    def _raw(self) -> bool:
        return str(self.attributes.get("RawMessageDelivery", "")).lower() == "true"

    def _version(self) -> str:
        return str(getattr(self.topic, "signature_version", None) or "1")

    def _set(self, confirmed: bool) -> None:
        self.confirmed = confirmed
        self.attributes["PendingConfirmation"] = not confirmed
        self.attributes["ConfirmationWasAuthenticated"] = self.protocol not in ("http", "https")
