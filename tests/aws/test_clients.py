"""Clients for every service, and which of them a node's bundle can make."""

from __future__ import annotations

import pytest

from agent.aws.clients import SERVICES, Clients
from agent.release import selection
from agent.settings import AwsSettings

BY_NAME = {
    **{name: name for name in ("cloudwatch", "dynamodb", "ec2", "emr", "pricing", "s3", "scheduler", "sns", "sqs")},
    **{name: name for name in ("stepfunctions", "sts")},
    "emr_once": "emr",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_each_is_made_once_and_for_its_service(name: str) -> None:
    clients = Clients(AwsSettings(region="eu-west-1"))
    made = getattr(clients, name)
    assert made.meta.service_model.service_name == BY_NAME[name]
    assert getattr(clients, name) is made


def test_a_bundle_has_what_a_node_calls() -> None:
    assert set(SERVICES) <= selection.SERVICES
    assert not {"scheduler", "stepfunctions"} & selection.SERVICES, "only the function calls them"
