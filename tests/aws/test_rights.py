"""The policy, the table of rights and the calls in the code say the same."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from agent.aws.rights import BY_OPERATOR, BY_OPERATOR_OF_LIFECYCLE, FREE, IMPLIED, LEVELS, RIGHTS, TAG, advice
from agent.domain.rights import Capability
from agent.lifecycle.rows import cluster_key

ROOT = Path(__file__).parent.parent.parent
ELSEWHERE = {"lifecycle", "release", "sandbox", "simulate", "wire"}
"""Packages that do not run on a node (what they call takes the rights of whoever publishes, or of the function's role)
or do no I/O."""
ONLY_READ = ("TidemarkObservePrices", "TidemarkObserveStreams", "TidemarkObserveAlarms")
"""Statements on every resource: what they give cannot be limited to one, and changes nothing."""
BY_SERVICES = {"sqs:SendMessage"}
"""What the samples let a service of AWS do, not a node."""
SERVICES = ("emr", "cloudwatch", "sns", "sts", "s3", "sqs", "ec2", "iam", "pricing", "dynamodb")


def statements(policy_file: str = "iam-policy.json") -> Mapping[str, Mapping[str, Any]]:
    policy = json.loads((ROOT / "bootstrap" / policy_file).read_text())
    assert policy["Version"] == "2012-10-17"
    found = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert len(found) == len(policy["Statement"])
    return found


def actions(statement: Mapping[str, Any]) -> list[str]:
    given = statement["Action"]
    return [given] if isinstance(given, str) else list(given)


def operations() -> Mapping[str, str]:
    """By boto3's method name."""
    models = (Loader().load_service_model(service, "service-2") for service in SERVICES)
    return {xform_name(name): name for model in models for name in model["operations"]}


def words(source: str) -> Iterator[str]:
    """Every attribute that is called or handed to a call, and every text: `client.list_steps(...)`,
    `ask("…", client.list_steps, …)` and `pages(client, "list_steps", …)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from (each.attr for each in (node.func, *node.args) if isinstance(each, ast.Attribute))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def called(*also: str) -> set[str]:
    """Outside of ELSEWHERE, but for those packages of it."""
    known, left_out = operations(), ELSEWHERE - set(also)
    files = [path for path in (ROOT / "agent").rglob("*.py") if path.relative_to(ROOT).parts[1] not in left_out]
    return {known[word] for path in files for word in words(path.read_text()) if word in known}


def test_the_finder_sees_calls_and_names_of_operations() -> None:
    source = 'ask("x", client.list_steps)\npages(client, "list_instances", 1)\nclients().sns.publish(a=1)\nurl.query'
    found = set(words(source))
    assert {"list_steps", "list_instances", "publish"} <= found
    assert "query" not in found


def test_every_operation_that_the_code_calls_has_its_right_and_every_right_is_used() -> None:
    by_installer = {right.operation for right in RIGHTS.values() if right.capability is Capability.INSTALL}
    wanted = (set(RIGHTS) | set(BY_OPERATOR)) - by_installer - IMPLIED
    assert called() <= wanted | FREE
    assert wanted <= called("lifecycle"), "the agent's heartbeat and its end of the cluster are there"


def test_the_policy_gives_exactly_the_rights_of_the_table() -> None:
    given = {sid: set(actions(statement)) for sid, statement in statements().items()}
    wanted: dict[str, set[str]] = {}
    for right in RIGHTS.values():
        wanted.setdefault(right.sid, set()).add(right.action)
    assert given == wanted


def test_the_operators_policy_gives_exactly_what_the_verbs_call() -> None:
    given = {sid: set(actions(statement)) for sid, statement in statements("operator-policy.json").items()}
    wanted: dict[str, set[str]] = {}
    for operation, sid in BY_OPERATOR.items():
        wanted.setdefault(sid, set()).add(f"cloudwatch:{operation}")
    for action, sid in BY_OPERATOR_OF_LIFECYCLE.values():
        wanted.setdefault(sid, set()).add(action)
    assert given == wanted


def test_no_node_may_put_an_alarm_or_delete_one_that_is_not_a_clusters() -> None:
    assert not {f"cloudwatch:{operation}" for operation in set(BY_OPERATOR) - set(RIGHTS)} & {
        action for statement in statements().values() for action in actions(statement)
    }
    resource = statements()["TidemarkDeleteItsAlarms"]["Resource"]
    assert resource.endswith(":alarm:Tidemark?j-*")


def test_of_the_table_a_node_has_the_rows_of_clusters_alone() -> None:
    statement = statements()["TidemarkLifecycleTable"]
    assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "CLUSTER#*"}}
    assert cluster_key("j-1").startswith("CLUSTER#")


def test_nothing_of_emr_is_given_on_a_cluster_that_does_not_carry_the_tag() -> None:
    for sid, statement in statements().items():
        for right in (right for right in RIGHTS.values() if right.sid == sid):
            if right.action.startswith("elasticmapreduce:"):
                levels = statement["Condition"]["StringEquals"][f"aws:ResourceTag/{TAG}"]
                assert (levels,) if isinstance(levels, str) else tuple(levels) == LEVELS[right.capability]
                assert statement["Resource"].endswith(":cluster/*")


def test_only_publishing_in_one_namespace_and_looking_at_prices_is_on_every_resource() -> None:
    for sid, statement in statements().items():
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in actions(statement)), sid
        if statement["Resource"] == "*" and sid not in ONLY_READ:
            assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Tidemark"}}


def test_what_is_given_on_every_resource_only_reads() -> None:
    assert {action for sid in ONLY_READ for action in actions(statements()[sid])} == {
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeSpotPriceHistory",
        "pricing:GetProducts",
    }


def test_statements_are_named_by_what_they_are_for() -> None:
    prefixes = {
        Capability.OBSERVE: "TidemarkObserve",
        Capability.STEPS: "TidemarkObserve",
        Capability.PRICES: "TidemarkObserve",
        Capability.STREAMS: "TidemarkObserve",
        Capability.RESIZE: "TidemarkResize",
        Capability.TERMINATE: "TidemarkTerminate",
    }
    for right in RIGHTS.values():
        assert right.sid.startswith(prefixes.get(right.capability, "Tidemark"))
        assert right.sid.isalnum(), "IAM takes letters and digits only"


@pytest.mark.parametrize(
    ("operation", "said", "expected"),
    [
        ("ListSteps", "no identity-based policy allows the action", "TidemarkObserveCluster"),
        ("ListSteps", "no identity-based policy allows the action", "tag"),
        ("PutMetricData", "no identity-based policy allows the action", "TidemarkPublishMetrics"),
        ("ListSteps", "with an explicit deny in a service control policy", "does not help"),
        ("ListSteps", "because no VPC endpoint policy allows the action", "VPC endpoint"),
        ("PutMetricAlarm", "no identity-based policy allows the action", "TidemarkPutAlarms of operator-policy.json"),
        ("Scan", "no identity-based policy allows the action", "TidemarkReadLifecycle of operator-policy.json"),
        ("UpdateItem", "no identity-based policy allows the action", "TidemarkLifecycleTable of iam-policy.json"),
        ("UpdateItem", "no identity-based policy allows the action", "TidemarkPutProfiles of operator-policy.json"),
        ("SomethingElse", "no", "not allowed"),
    ],
)
def test_the_advice_follows_what_aws_said(operation: str, said: str, expected: str) -> None:
    assert expected in advice(operation, said)


@pytest.mark.parametrize("sample", ["cloudformation/tidemark.yaml", "terraform/rights.tf"])
def test_the_samples_give_the_node_the_same_rights_under_the_same_names(sample: str) -> None:
    text = (ROOT / "bootstrap" / sample).read_text()
    services = "|".join({right.action.partition(":")[0] for right in RIGHTS.values()} - {"s3"})
    given = set(re.findall(rf"\b(?:{services}):[A-Z]\w+", text)) - BY_SERVICES - {"dynamodb:LeadingKeys"}
    assert given == {right.action for right in RIGHTS.values() if not right.action.startswith("s3:")}
    assert {right.sid for right in RIGHTS.values()} <= set(re.findall(r"Tidemark\w+", text))
