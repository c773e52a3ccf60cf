"""The errors that CloudWatch answers. Their HTTP status comes from the service model."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


def invalid(text: str) -> ServiceException:
    """What alarms answer to nearly everything that is wrong with a request."""
    return ServiceException("ValidationError", text)


def bad_value(text: str) -> ServiceException:
    return ServiceException("InvalidParameterValue", text)


def bad_combination(text: str) -> ServiceException:
    return ServiceException("InvalidParameterCombination", text)


def missing(text: str) -> ServiceException:
    return ServiceException("MissingParameter", text)


def not_found(text: str) -> ServiceException:
    return ServiceException("ResourceNotFound", text)


def bad_token() -> ServiceException:
    return ServiceException("InvalidNextToken", "The next token is not valid.")


def not_in_sandbox(text: str) -> ServiceException:
    """CloudWatch can do it, this one cannot: never a silent difference."""
    return ServiceException("ValidationError", f"{text} is not in the sandbox.")
