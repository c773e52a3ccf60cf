"""From the text of a message to a notice that may be believed; the queue and the endpoint share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.actions.signature import Unknown, Verifier
from agent.domain.alarm_notices import AlarmNotice, Refusal
from agent.settings_actions import ActionsSettings
from agent.wire import alarm_notice, sns
from agent.wire.sns import Envelope, Kind


@dataclass(frozen=True, slots=True)
class Gate:
    """`is_late` spares a fetch for what is refused anyway."""

    settings: ActionsSettings
    verifier: Verifier
    is_late: Callable[[AlarmNotice], bool]

    def of_queue(self, text: str) -> AlarmNotice | Refusal | Unknown:
        """What a message of the queue says. Never raises."""
        found = alarm_notice.json_object(text)
        if isinstance(found, Refusal):
            return found
        if not sns.is_envelope(found):
            return alarm_notice.of_object(found) if self.settings.accept_raw else Refusal.RAW
        envelope = sns.envelope(found)
        if envelope is None or envelope.kind is not Kind.NOTIFICATION:
            return Refusal.MALFORMED
        return self._opened(envelope, signed=self.settings.verify_signatures)

    def of_endpoint(self, text: str) -> AlarmNotice | Envelope | Refusal | Unknown:
        """The notice, or the genuine confirmation of a subscription, in what somebody has posted. Never raises."""
        found = alarm_notice.json_object(text)
        if isinstance(found, Refusal):
            return found
        envelope = sns.envelope(found)
        if envelope is None:
            return Refusal.MALFORMED
        if envelope.kind is Kind.NOTIFICATION:
            return self._opened(envelope, signed=True)
        doubt = self._doubt(envelope, signed=True)
        return envelope if doubt is None else doubt

    def _opened(self, envelope: Envelope, *, signed: bool) -> AlarmNotice | Refusal | Unknown:
        notice = alarm_notice.parse(envelope.message)
        if isinstance(notice, AlarmNotice) and self.is_late(notice):
            return Refusal.LATE
        doubt = self._doubt(envelope, signed=signed)
        return notice if doubt is None else doubt

    def _doubt(self, envelope: Envelope, *, signed: bool) -> Refusal | Unknown | None:
        if envelope.topic_arn != self.settings.topic_arn:
            return Refusal.OTHER_TOPIC
        if not signed:
            return None
        genuine = self.verifier.is_genuine(envelope)
        if isinstance(genuine, Unknown):
            return genuine
        return None if genuine else Refusal.FORGED
