"""The function's role may do what its code calls, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grimp
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from cfnlint.decode import cfn_yaml

from agent.release.places import CHECKOUT
from agent.release.selection import SERVICES_OF_FUNCTION
from tests.aws.test_rights import words
from tests.release.test_lifecycle_template import TEMPLATE, plain

HANDLER = "agent.lifecycle.handler"

IAM_NAMES = {"emr": "elasticmapreduce", "stepfunctions": "states"}
"""Of services that IAM calls otherwise than boto3."""
OTHERWISE = {
    "TransactWriteItems": {"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"},
    "RunJobFlow": {"elasticmapreduce:RunJobFlow", "elasticmapreduce:AddTags", "iam:PassRole"},
    "CreateSchedule": {"scheduler:CreateSchedule", "iam:PassRole"},
    "UpdateSchedule": {"scheduler:UpdateSchedule", "iam:PassRole"},
}
"""What IAM asks for an operation that is not the operation's own name (Service Authorization Reference)."""
NOT_THE_FUNCTIONS = {"CreateTable", "Scan"}
"""Of `create` and `keyed` of the table: the template makes the one, and only people's verbs ask for the other."""
BY_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}
"""What Lambda itself does with the function's role: its log, and its queue (Using Lambda with Amazon SQS)."""


def closure() -> set[str]:
    """Every module that the handler imports, itself or by way of another, at once or later."""
    return {HANDLER, *grimp.build_graph("agent", cache_dir=None).find_upstream_modules(HANDLER)}


def source(module: str) -> str:
    path = (CHECKOUT / Path(*module.split("."))).with_suffix(".py")
    return path.read_text() if path.is_file() else ""


@pytest.fixture(scope="module")
def ours() -> Mapping[str, str]:
    """The source of each module of the lifecycle that the function has. What it has of `agent.aws` calls what it is
    given."""
    return {module: source(module) for module in sorted(closure()) if module.startswith("agent.lifecycle")}


def operations() -> Mapping[str, tuple[str, str]]:
    """Service and operation by boto3's name of the method."""
    models = {service: Loader().load_service_model(service, "service-2") for service in SERVICES_OF_FUNCTION}
    return {xform_name(name): (service, name) for service, model in models.items() for name in model["operations"]}


def called(ours: Mapping[str, str]) -> set[tuple[str, str]]:
    known = operations()
    return {known[word] for text in ours.values() for word in words(text) if word in known}


def given(template: Mapping[str, Any]) -> set[str]:
    document = template["Resources"]["FunctionPolicy"]["Properties"]["PolicyDocument"]
    found = [each["Action"] for each in document["Statement"]]
    return {action for actions in found for action in (actions if isinstance(actions, list) else [actions])}


def test_the_function_may_do_exactly_what_it_calls(ours: Mapping[str, str]) -> None:
    wanted: set[str] = set()
    for service, operation in called(ours):
        if operation not in NOT_THE_FUNCTIONS:
            own = f"{IAM_NAMES.get(service, service)}:{operation}"
            wanted |= OTHERWISE.get(operation, {own})
    assert given(plain(cfn_yaml.loads(TEMPLATE.read_text()))) == wanted | BY_LAMBDA


def test_what_is_not_the_functions_is_not_asked_for(ours: Mapping[str, str]) -> None:
    assert {operation for _, operation in called(ours)} >= NOT_THE_FUNCTIONS, "else they need no mention"
    for module, text in ours.items():
        calls = {node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)}
        names = {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in calls}
        assert not names & {"keyed", "create"}, module


def test_the_agents_policy_for_the_table_is_the_stacks() -> None:
    """`iam-policy.json` and the managed policy of the stack give the nodes the same."""
    import json

    policy = json.loads((CHECKOUT / "bootstrap" / "iam-policy.json").read_text())["Statement"]
    (theirs,) = (each for each in policy if each["Sid"] == "TidemarkLifecycleTable")
    template = plain(cfn_yaml.loads(TEMPLATE.read_text()))
    (ours,) = template["Resources"]["NodeTablePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {**ours, "Resource": ""} == {**theirs, "Resource": ""}
