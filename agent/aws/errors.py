"""AWS error codes in sets, and the one place where they become faults."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from agent.aws.rights import advice
from agent.domain.faults import Fault, PermanentFault, TransientFault

AWS_ERRORS = (BotoCoreError, ClientError)
"""All that a boto3 call raises for the world's faults. Catch these, then raise `fault(...)` from them."""

NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError)
"""Those of them that say that botocore's chain found nothing to sign with."""

THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "LimitExceeded",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    }
)
"""Asked too often. EMR's quotas are per account and Region: other clusters use them up too."""

SERVICE_FAILED = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "InternalServiceFault",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)

CONFLICTED = frozenset({"TransactionConflictException", "TransactionInProgressException"})
"""DynamoDB: another transaction is at the row, or an earlier try of this one is not through yet."""

CONDITION_FAILED = "ConditionalCheckFailedException"
"""DynamoDB's answer, and no fault: a condition of the request does not hold."""

CANCELED = "TransactionCanceledException"
PASSING_REASONS = frozenset({"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"})
"""Those reasons for which DynamoDB cancels a transaction that pass by themselves (TransactWriteItems, errors)."""

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
"""Credentials that botocore is about to refresh: asking again helps."""

DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
"""A right is missing. SNS has a word of its own for it (Publish, errors)."""

UNAUTHENTICATED = frozenset(
    {
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""The signature or the key is not accepted: the service knows nobody (Common Errors of the API references)."""

NOT_FOUND = frozenset(
    {
        "NotFound",
        "NotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
"""SNS, SQS and DynamoDB; the queue's error has the older word in the protocol that botocore speaks."""

INVALID_DATUM = frozenset(
    {
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
        "MissingRequiredParameter",
        "MissingRequiredParameterException",
        "MissingParameter",
        "RequestEntityTooLarge",
        "ValidationError",
        "ValidationException",
    }
)
"""PutMetricData refuses a whole request for one bad datum with one of these."""


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def cancellation_reasons(error: BotoCoreError | ClientError) -> frozenset[str]:
    """Why DynamoDB has cancelled a transaction, such as `ConditionalCheckFailed`; empty for every other error."""
    if not isinstance(error, ClientError) or code(error) != CANCELED:
        return frozenset()
    told = error.response.get("CancellationReasons", ())
    return frozenset(str(one["Code"]) for one in told if one.get("Code") not in {None, "None"})


def is_condition_failed(error: BotoCoreError | ClientError) -> bool:
    """Whether DynamoDB did nothing because a condition does not hold."""
    if isinstance(error, ClientError) and code(error) == CONDITION_FAILED:
        return True
    return "ConditionalCheckFailed" in cancellation_reasons(error)


def is_conflict(error: BotoCoreError | ClientError) -> bool:
    """Whether DynamoDB did nothing because somebody else was at the same row: asking again soon helps."""
    if isinstance(error, ClientError) and code(error) in CONFLICTED:
        return True
    reasons = cancellation_reasons(error)
    return "TransactionConflict" in reasons and reasons <= PASSING_REASONS


def fault(error: BotoCoreError | ClientError, doing: str) -> Fault:
    """The fault that this error is. The caller raises it `from` the error; `doing` names the operation. A denied
    call says which statement of the policy is missing."""
    text = f"{doing}: {error}"
    if isinstance(error, ClientError):
        if code(error) in DENIED:
            return PermanentFault(f"{text} ({advice(error.operation_name, text)})")
        reasons = cancellation_reasons(error)
        passing = bool(reasons) and reasons <= PASSING_REASONS
        transient = passing or code(error) in THROTTLED | SERVICE_FAILED | EXPIRED | CONFLICTED or status(error) >= 500
        return TransientFault(text) if transient else PermanentFault(text)
    if isinstance(error, ParamValidationError):
        return PermanentFault(text)
    if isinstance(error, NO_CREDENTIALS):
        text += " (they come from AWS_PROFILE, from `aws configure`, or on a node from its instance profile)"
    return TransientFault(text)


def code_of(error: BotoCoreError | ClientError) -> str | None:
    """The service's own code; None for what never reached it."""
    return code(error) if isinstance(error, ClientError) else None


def is_denied(error: BotoCoreError | ClientError) -> bool:
    """Whether a right is missing."""
    return isinstance(error, ClientError) and code(error) in DENIED


def is_not_found(error: BotoCoreError | ClientError) -> bool:
    """Whether what the request names does not exist; EMR has another word for that."""
    return isinstance(error, ClientError) and code(error) in NOT_FOUND


def is_refused(error: BotoCoreError | ClientError) -> bool:
    """Whether the service looked at the request of somebody whom it let in, and did not take it for what it asks."""
    if not isinstance(error, ClientError) or not 400 <= status(error) < 500:
        return False
    return code(error) not in DENIED | THROTTLED | EXPIRED | SERVICE_FAILED | CONFLICTED | UNAUTHENTICATED


def refuses_datum(error: BotoCoreError | ClientError) -> bool:
    """Whether a request for PutMetricData was refused for what is in it: a part of it may be taken."""
    if isinstance(error, ClientError):
        return code(error) in INVALID_DATUM or status(error) == 413
    return isinstance(error, ParamValidationError)


def reason(error: BotoCoreError | ClientError) -> str:
    """A constant word to count an error by: throttled, unavailable, denied, refused, unreachable."""
    if not isinstance(error, ClientError):
        return "refused" if isinstance(error, ParamValidationError) else "unreachable"
    if code(error) in THROTTLED:
        return "throttled"
    if code(error) in SERVICE_FAILED | CONFLICTED or status(error) >= 500:
        return "unavailable"
    return "denied" if code(error) in DENIED | EXPIRED else "refused"
