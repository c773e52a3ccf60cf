"""The template of what runs beside the clusters: linted, and holding the table, rights and names that the code has."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml
from moto.events.models import EventPattern

from agent.aws.rights import BY_OPERATOR_OF_LIFECYCLE
from agent.lifecycle import dynamo_table, ingress
from agent.lifecycle.budget import BUDGET
from agent.lifecycle.events import Ignored, LaunchAsked, SweepDue
from agent.lifecycle.handler import NAMESPACE, embedded
from agent.lifecycle.rows import cluster_key, job_profile_key, profile_key
from agent.lifecycle.store import CLAIM_LEASE_S
from agent.release import wheels
from agent.release.places import CHECKOUT
from agent.settings_lifecycle import ENVIRONMENT, LifecycleSettings, of_environment

TEMPLATE = CHECKOUT / "bootstrap" / "cloudformation" / "lifecycle.yaml"
CFN_LINT = str(Path(sys.executable).with_name("cfn-lint"))


def plain(node: Any) -> Any:
    """Of cfn-lint's own kinds of strings and mappings, Python's."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(each) for each in node]
    return str(node) if isinstance(node, str) else node


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    read: dict[str, Any] = plain(cfn_yaml.loads(TEMPLATE.read_text()))
    return read


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


def lint(path: Path) -> tuple[int, str]:
    done = subprocess.run([CFN_LINT, str(path)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_cfn_lint_finds_nothing() -> None:
    assert lint(TEMPLATE) == (0, "")


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEMPLATE.read_text().replace("VisibilityTimeout:", "VisibilityTimeouts:"))
    code, said = lint(broken)
    assert code != 0
    assert "VisibilityTimeouts" in said


# the table


def test_the_table_is_the_one_that_the_code_makes(resources: Mapping[str, Any]) -> None:
    def in_no_order(table: Mapping[str, Any]) -> dict[str, Any]:
        by = {"AttributeDefinitions": "AttributeName", "GlobalSecondaryIndexes": "IndexName"}
        return {**table, **{name: sorted(table[name], key=lambda each: each[key]) for name, key in by.items()}}

    made = dynamo_table.definition("any")
    ours = in_no_order(resources["Table"]["Properties"])
    theirs = in_no_order({name: value for name, value in made.items() if name != "TableName"})
    assert {name: ours[name] for name in theirs} == theirs
    assert set(ours) - set(theirs) == {
        "TimeToLiveSpecification",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
    }


def test_rows_that_may_go_are_those_that_say_when(resources: Mapping[str, Any]) -> None:
    spent = (CHECKOUT / "agent" / "lifecycle" / "budget.py").read_text()
    ttl = resources["Table"]["Properties"]["TimeToLiveSpecification"]
    assert ttl["Enabled"] is True
    assert f'"{ttl["AttributeName"]}"' in spent


def test_what_is_known_outlives_the_stack(resources: Mapping[str, Any]) -> None:
    for name in ("Table", "DeadLetters"):
        assert resources[name]["DeletionPolicy"] == resources[name]["UpdateReplacePolicy"] == "Retain"
    assert resources["Table"]["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


# the function


def test_the_functions_environment_is_settings(resources: Mapping[str, Any]) -> None:
    given = resources["Function"]["Properties"]["Environment"]["Variables"]
    assert given.keys() <= {ENVIRONMENT + name.upper() for name in LifecycleSettings.model_fields}
    found = of_environment(dict.fromkeys(given, "something"))
    for name in given:
        assert getattr(found, name.removeprefix(ENVIRONMENT).lower()) == "something"


def test_the_function_has_every_setting_that_names_a_resource(resources: Mapping[str, Any]) -> None:
    texts = {name for name, field in LifecycleSettings.model_fields.items() if field.annotation is str}
    given = resources["Function"]["Properties"]["Environment"]["Variables"]
    assert {ENVIRONMENT + name.upper() for name in texts} == set(given)


def test_the_queue_waits_for_six_times_the_function(resources: Mapping[str, Any]) -> None:
    """AWS Lambda, Using Lambda with Amazon SQS."""
    function, queue = resources["Function"]["Properties"], resources["Queue"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    mapping = resources["FromQueue"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    assert resources["DurationAlarm"]["Properties"]["Threshold"] < 1000 * function["Timeout"]


def test_no_function_outlives_its_claim_of_a_launch(resources: Mapping[str, Any]) -> None:
    assert resources["Function"]["Properties"]["Timeout"] < CLAIM_LEASE_S


def test_the_runtime_is_the_one_that_the_wheels_are_for(resources: Mapping[str, Any]) -> None:
    assert resources["Function"]["Properties"]["Runtime"] == f"python{wheels.PYTHON_VERSION}"


# who may do what


def statements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    assert document["Version"] == "2012-10-17"
    yield from document["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def all_statements(resources: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of every policy, with the logical name of its resource."""
    for name, each in resources.items():
        properties = each["Properties"]
        inline = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in [*inline, *listed(properties.get("PolicyDocument", []))]:
            yield from ((name, statement) for statement in statements(document))


def test_nothing_gives_more_than_it_names(resources: Mapping[str, Any]) -> None:
    for name, statement in all_statements(resources):
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action], name
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= {
                "elasticmapreduce:RunJobFlow",
                "elasticmapreduce:ListClusters",
                "states:SendTaskFailure",
                "states:SendTaskHeartbeat",
                "states:SendTaskSuccess",
            }


def test_only_what_was_launched_here_is_changed(resources: Mapping[str, Any]) -> None:
    changes = {
        action
        for _, statement in all_statements(resources)
        for action in listed(statement["Action"])
        if action.startswith("elasticmapreduce:")
        and not action.removeprefix("elasticmapreduce:").startswith(("List", "Describe"))
        and "Condition" not in statement
    }
    assert changes == set()


def test_who_may_write_the_table_may_write_only_rows_of_its_kind(resources: Mapping[str, Any]) -> None:
    may: dict[str, list[str]] = {}
    for name, statement in all_statements(resources):
        if "dynamodb:UpdateItem" in listed(statement["Action"]) and name != "FunctionPolicy":
            may[name] = listed(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    assert may == {
        "NodeTablePolicy": [cluster_key("*")],
        "AskPolicy": [f"{BUDGET}*", cluster_key("*")],
        "ProfilesPolicy": [job_profile_key("*"), profile_key("*")],
    }


def test_the_stacks_policies_are_enough_for_the_verbs(resources: Mapping[str, Any]) -> None:
    ours = {
        action
        for name, statement in all_statements(resources)
        if name in {"AskPolicy", "ProfilesPolicy"}
        for action in listed(statement["Action"])
    }
    assert {action for action, _ in BY_OPERATOR_OF_LIFECYCLE.values()} <= ours


def test_the_page_tells_every_parameter_output_and_alarm_that_people_need(template: Mapping[str, Any]) -> None:
    page = (CHECKOUT / "docs" / "lifecycle.md").read_text()
    printed = {"ReleaseBucket", "ReleasePrefix", "TidemarkVersion"}
    alarms = {name for name, each in template["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    for_programs = {"QueueArn", "DeadLettersUrl", "FunctionName"}
    for name in (template["Parameters"].keys() - printed) | alarms | (template["Outputs"].keys() - for_programs):
        assert name in page, name
    told = set(re.findall(r"`(\w+Alarm|\w+PolicyArn|\w+TopicArn|Run\w+Arn)`", page))
    assert told <= alarms | template["Outputs"].keys()


def test_roles_are_passed_only_to_whom_they_are_for(resources: Mapping[str, Any]) -> None:
    passing = [each for _, each in all_statements(resources) if "iam:PassRole" in listed(each["Action"])]
    assert len(passing) == 2
    for statement in passing:
        (condition,) = statement["Condition"].values()
        assert list(condition) == ["iam:PassedToService"]
        assert "*" not in listed(statement["Resource"])


# what reaches the queue

EVENTS = CHECKOUT / "tests" / "lifecycle" / "data" / "events"
STANDS_FOR = {
    "RunJob": "arn:aws:states:eu-west-1:111122223333:stateMachine:nightly",
    "RunCluster": "arn:aws:states:eu-west-1:111122223333:stateMachine:other",
    "OwnerStateMachines": ["arn:aws:states:eu-west-1:111122223333:stateMachine:nightly"],
    "TriggerBuckets": ["landing"],
}


def rules(resources: Mapping[str, Any]) -> dict[str, EventPattern]:
    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return (
                STANDS_FOR[node["Ref"]] if set(node) == {"Ref"} else {key: filled(each) for key, each in node.items()}
            )
        return [filled(each) for each in node] if isinstance(node, list) else node

    found = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::Events::Rule"}
    for each in found.values():
        assert [target["Arn"] for target in each["Targets"]] == [{"Fn::GetAtt": ["Queue", "Arn"]}]
    return {name: EventPattern.load(json.dumps(filled(each["EventPattern"]))) for name, each in found.items()}


def test_the_rules_let_through_what_the_queues_reader_acts_on_and_nothing_else(resources: Mapping[str, Any]) -> None:
    matching = rules(resources)
    through = set()
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text())
        if not event["source"].startswith("aws.") or event["source"] == "aws.events":
            continue
        by = {name for name, pattern in matching.items() if pattern.matches_event(event)}
        ignored = any(isinstance(each, Ignored) for each in ingress.events_of(path.read_text()))
        assert bool(by) != ignored, path.name
        through |= by
    assert through == set(matching), "every rule has an event that it is for"


def test_another_bucket_or_state_machine_is_not_let_through(resources: Mapping[str, Any]) -> None:
    matching = rules(resources)
    stranger = (EVENTS / "object-created.json").read_text().replace('"landing"', '"another"')
    assert not matching["ObjectEvents"].matches_event(json.loads(stranger))
    stranger = (EVENTS / "execution-failed.json").read_text().replace(":nightly", ":another")
    for name in ("ExecutionEvents", "OwnerEvents"):
        assert not matching[name].matches_event(json.loads(stranger))


def test_schedules_say_what_the_queues_reader_takes(resources: Mapping[str, Any]) -> None:
    """With what EventBridge Scheduler puts in the place of its attributes."""
    inputs = {}
    for name, each in resources.items():
        if each["Type"] == "AWS::Scheduler::Schedule":
            text = each["Properties"]["Target"]["Input"]
            text = text["Fn::Sub"] if isinstance(text, dict) else text
            text = text.replace("<aws.scheduler.scheduled-time>", "2026-11-21T20:15:00Z")
            text = text.replace("<aws.scheduler.execution-id>", "d32c5kddcf5bb8c3").replace("${LaunchProfile}", "etl")
            (inputs[name],) = ingress.events_of(text, {"SentTimestamp": "1795292100000"})
    assert inputs == {
        "Sweep": SweepDue(at=1795292100.0),
        "LaunchByClock": LaunchAsked(id="d32c5kddcf5bb8c3", profile="etl", owner="clock", at=1795292100.0),
    }


# that somebody hears of it


def test_every_alarm_tells_somebody(resources: Mapping[str, Any]) -> None:
    alarms = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
    watched = {(each["Namespace"], each["MetricName"]) for each in alarms.values()}
    assert watched == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Throttles"),
        (NAMESPACE, "MessagesFailed"),
        (NAMESPACE, "Sweeps"),
    }
    assert all(each["AlarmActions"] == [{"Ref": "NoticeTopic"}] for each in alarms.values())


def test_alarms_on_what_the_function_counts_find_it(resources: Mapping[str, Any]) -> None:
    """The metric that an alarm watches is one that the function's log becomes."""
    (line,) = [json.loads(embedded({"MessagesFailed": 1, "Sweeps": 1}, "clusters", 1.0))]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    counted = {metric["Name"] for metric in directive["Metrics"]}
    source = "".join((CHECKOUT / "agent" / "lifecycle" / f"{name}.py").read_text() for name in ("handler", "conduct"))
    for each in (one["Properties"] for one in resources.values() if one["Type"] == "AWS::CloudWatch::Alarm"):
        if each["Namespace"] == directive["Namespace"]:
            assert [[one["Name"] for one in each["Dimensions"]]] == directive["Dimensions"]
            assert [one["Value"] for one in each["Dimensions"]] == [{"Ref": "Table"}]
            assert each["MetricName"] in counted
            assert f'count("{each["MetricName"]}")' in source


def test_notices_do_not_come_back_as_events(resources: Mapping[str, Any]) -> None:
    into_queue = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::SNS::Subscription"]
    by_topic = {each["TopicArn"]["Ref"]: each["Protocol"] for each in into_queue}
    assert by_topic == {"OwnerTopic": "sqs", "NoticeTopic": "email"}
    told = resources["Function"]["Properties"]["Environment"]["Variables"]["TIDEMARK_TOPIC_ARN"]
    assert told == {"Ref": "NoticeTopic"}
