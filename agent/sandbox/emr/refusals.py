"""The errors that EMR answers, with the texts that people have seen."""

from __future__ import annotations


class Refusal(Exception):
    """An answer with an error code and the status 400, which boto3 does not retry (throttling excepted)."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


def invalid_request(text: str) -> Refusal:
    """Modelled for the operations on fleets, steps and what describes a cluster."""
    return Refusal("InvalidRequestException", text)


def validation(text: str) -> Refusal:
    """What the older operations answer, whose only modelled error is InternalServerError."""
    return Refusal("ValidationException", text)


def throttled() -> Refusal:
    return Refusal("ThrottlingException", "Rate exceeded")


def denied(operation: str, account: str) -> Refusal:
    """As IAM words it for a caller whose policies do not speak of the action."""
    action = f"elasticmapreduce:{operation}"
    return Refusal(
        "AccessDeniedException",
        f"User: arn:aws:sts::{account}:assumed-role/EMR_EC2_DefaultRole/i-0123456789abcdef0 is not authorized to "
        f"perform: {action} on resource: * because no identity-based policy allows the {action} action",
    )


def not_valid(cluster_id: str) -> Refusal:
    return invalid_request(f"Cluster id '{cluster_id}' is not valid.")


def both_targets(fleet_id: str) -> Refusal:
    return invalid_request(
        f"The instance fleet ({fleet_id}) should have both targetOnDemandCapacity and targetSpotCapacity specified."
    )


def fleet_of_stopped_cluster() -> Refusal:
    return invalid_request("An instance fleet may only be modified when the cluster is running or waiting.")


def group_of_stopped_cluster() -> Refusal:
    return validation("An instance group may only be modified when the cluster is running or waiting")


def shut_down() -> Refusal:
    return validation("A job flow that is shutting down, terminated, or finished may not be modified.")


def protected() -> Refusal:
    return validation("Could not shut down one or more job flows since they are termination protected.")


def wrong_collection(operation: str, uses: str) -> Refusal:
    return invalid_request(
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses "
        f"{uses}. The {operation} request does not support clusters that use {uses}."
    )
