"""The samples for CloudFormation and Terraform: linted, with the rights of iam-policy.json, and asking for the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import pytest
from cfnlint.decode import cfn_yaml

from agent.release import snippets
from agent.release.places import CHECKOUT

BOOTSTRAP = CHECKOUT / "bootstrap"
TEMPLATE = BOOTSTRAP / "cloudformation" / "tidemark.yaml"
MODULE = BOOTSTRAP / "terraform"

CFN_LINT = str(Path(sys.executable).with_name("cfn-lint"))

STANDS_FOR = {
    "${AWS::Partition}": "aws",
    "${ReleaseBucket}": "@BUCKET@",
    "${ReleasePrefix}": "@PREFIX@",
    "${NoticeTopic}": "@TOPIC_ARN@",
    "${LifecycleTableArn}": "@TABLE_ARN@",
    "${AlarmTopic}": "@ALARM_TOPIC_ARN@",
    "${AlarmQueue}": "@QUEUE_URL@",
    "${AlarmQueue.Arn}": "@QUEUE_ARN@",
    "${AWS::AccountId}": "@ACCOUNT@",
    "${AWS::Region}": "@REGION@",
    "${data.aws_partition.current.partition}": "aws",
    "${var.release_bucket}": "@BUCKET@",
    "${var.release_prefix}": "@PREFIX@",
    "${aws_sns_topic.notice.arn}": "@TOPIC_ARN@",
    "${var.lifecycle_table_arn}": "@TABLE_ARN@",
    "${aws_sns_topic.alarms.arn}": "@ALARM_TOPIC_ARN@",
    "${aws_sqs_queue.alarms.url}": "@QUEUE_URL@",
    "${aws_sqs_queue.alarms.arn}": "@QUEUE_ARN@",
    "${data.aws_region.current.name}": "@REGION@",
    "${data.aws_caller_identity.current.account_id}": "@ACCOUNT@",
}


def filled(text: str) -> str:
    for name, value in STANDS_FOR.items():
        text = text.replace(name, value)
    return text


def resolved(node: Any) -> Any:
    """A template's part with its references as the placeholders that they stand for."""
    if isinstance(node, dict):
        if len(node) == 1 and "Fn::Sub" in node:
            return filled(node["Fn::Sub"])
        if len(node) == 1 and "Ref" in node:
            return filled("${" + node["Ref"] + "}")
        if len(node) == 1 and "Fn::GetAtt" in node:
            return filled("${" + ".".join(node["Fn::GetAtt"]) + "}")
        return {str(key): resolved(value) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(each) for each in node]
    return str(node) if isinstance(node, str) else node


def plain(node: Any) -> Any:
    """What python-hcl2 reads, with strings unquoted and its own marks left out."""
    if isinstance(node, dict):
        return {plain(key): plain(value) for key, value in node.items() if key != "__is_block__"}
    if isinstance(node, list):
        return [plain(each) for each in node]
    return filled(node.removeprefix('"').removesuffix('"')) if isinstance(node, str) else node


@pytest.fixture(scope="module")
def template() -> Any:
    return resolved(cfn_yaml.loads(TEMPLATE.read_text()))


@pytest.fixture(scope="module")
def module() -> dict[str, Any]:
    """`data` and `resource` of the whole module as {kind: {type.name: body}}."""
    found: dict[str, Any] = {"data": {}, "resource": {}}
    for path in sorted(MODULE.glob("*.tf")):
        parsed = plain(hcl2.loads(path.read_text()))
        for kind in found:
            for block in parsed.get(kind, []):
                ((type_, named),) = block.items()
                ((name, body),) = named.items()
                found[kind][f"{type_}.{name}"] = body
    return found


def canonical(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Statements of a policy with one value and a list of one value written alike."""

    def listed(value: Any) -> list[Any]:
        return sorted(value) if isinstance(value, list) else [value]

    return [
        {
            "Sid": each["Sid"],
            "Effect": each["Effect"],
            "Action": listed(each["Action"]),
            "Resource": listed(each["Resource"]),
            "Condition": {
                test: {key: listed(value) for key, value in pairs.items()}
                for test, pairs in each.get("Condition", {}).items()
            },
        }
        for each in statements
    ]


def of_terraform(document: dict[str, Any]) -> list[dict[str, Any]]:
    statements = []
    for each in document["statement"]:
        conditions: dict[str, dict[str, Any]] = {}
        for condition in each.get("condition", []):
            conditions.setdefault(condition["test"], {})[condition["variable"]] = condition["values"]
        statements.append(
            {
                "Sid": each["sid"],
                "Effect": each["effect"],
                "Action": each["actions"],
                "Resource": each["resources"],
                "Condition": conditions,
            }
        )
    return canonical(statements)


def test_cfn_lint_finds_nothing() -> None:
    command = [CFN_LINT, str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEMPLATE.read_text().replace("TargetSpotCapacity:", "TargetSpotCapacities:"))
    done = subprocess.run([CFN_LINT, str(broken)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "TargetSpotCapacities" in done.stdout


def test_both_samples_give_the_rights_of_the_policy_and_no_others(template: Any, module: dict[str, Any]) -> None:
    """That on the table is one of its own, for whoever has a table."""
    policy = json.loads((BOOTSTRAP / "iam-policy.json").read_text())
    whole = canonical(policy["Statement"])
    expected = [one for one in whole if one["Sid"] != "TidemarkLifecycleTable"]
    document = template["Resources"]["TidemarkPolicy"]["Properties"]["PolicyDocument"]
    assert document["Version"] == policy["Version"]
    assert canonical(document["Statement"]) == expected
    assert of_terraform(module["data"]["aws_iam_policy_document.tidemark"]) == expected
    table = canonical(template["Resources"]["NodeTablePolicy"]["Properties"]["PolicyDocument"]["Statement"])
    assert table == of_terraform(module["data"]["aws_iam_policy_document.table"])
    assert table == [one for one in whole if one not in expected]


@pytest.mark.parametrize(
    ("logical", "document"),
    [
        ("NodeLogsPolicy", "logs"),
        ("ReleaseBucketPolicy", "release_bucket"),
        ("AlarmTopicPolicy", "alarm_topic"),
        ("AlarmQueuePolicy", "alarm_queue"),
    ],
)
def test_the_other_policies_are_the_same_in_both(
    template: Any, module: dict[str, Any], logical: str, document: str
) -> None:
    def neutral(statements: list[dict[str, Any]]) -> str:
        text = json.dumps(statements).replace("log_bucket", "LogBucket").replace("log_prefix", "LogPrefix")
        return text.replace("${var.", "${")

    ours = canonical(template["Resources"][logical]["Properties"]["PolicyDocument"]["Statement"])
    assert neutral(ours) == neutral(of_terraform(module["data"][f"aws_iam_policy_document.{document}"]))


def test_both_samples_make_the_same_kinds_of_resources(template: Any, module: dict[str, Any]) -> None:
    as_terraform = {
        "AWS::IAM::Role": "aws_iam_role",
        "AWS::IAM::Policy": "aws_iam_role_policy",
        "AWS::IAM::InstanceProfile": "aws_iam_instance_profile",
        "AWS::S3::BucketPolicy": "aws_s3_bucket_policy",
        "AWS::SNS::Topic": "aws_sns_topic",
        "AWS::SNS::TopicPolicy": "aws_sns_topic_policy",
        "AWS::SQS::Queue": "aws_sqs_queue",
        "AWS::SQS::QueuePolicy": "aws_sqs_queue_policy",
        "AWS::SNS::Subscription": "aws_sns_topic_subscription",
        "AWS::EMR::Cluster": "aws_emr_cluster",
    }
    ours = [as_terraform[each["Type"]] for each in template["Resources"].values()]
    # Terraform has the task fleet as a resource of its own, CloudFormation as a part of the cluster
    theirs = [name.split(".")[0] for name in module["resource"] if not name.startswith("aws_emr_instance_fleet.")]
    assert sorted(ours) == sorted(theirs)
    assert len(module["resource"]) == len(theirs) + 1


def test_both_clusters_are_the_same(template: Any, module: dict[str, Any]) -> None:
    cloudformation = template["Resources"]["Cluster"]["Properties"]
    terraform = module["resource"]["aws_emr_cluster.cluster"]
    script = cloudformation["BootstrapActions"][0]["ScriptBootstrapAction"]
    (action,) = terraform["bootstrap_action"]
    assert script["Path"].replace("${TidemarkVersion}", "${var.tidemark_version}") == action["path"]
    assert script["Args"] == action["args"]
    assert cloudformation["Tags"] == [{"Key": "tidemark", "Value": "${MayDo}"}]
    assert terraform["tags"] == {"tidemark": "${var.may_do}"}
    (fleet,) = cloudformation["Instances"]["TaskInstanceFleets"]
    task = module["resource"]["aws_emr_instance_fleet.task"]
    pools = [(each["InstanceType"], each["WeightedCapacity"]) for each in fleet["InstanceTypeConfigs"]]
    assert pools == [(each["instance_type"], each["weighted_capacity"]) for each in task["instance_type_configs"]]
    assert fleet["TargetOnDemandCapacity"] == task["target_on_demand_capacity"] == 0
    spot = fleet["LaunchSpecifications"]["SpotSpecification"]
    assert list(spot.values()) == [*task["launch_specifications"][0]["spot_specification"][0].values()]
    ignored = re.sub(r"[${}]", "", " ".join(task["lifecycle"][0]["ignore_changes"])).split()
    assert ignored == ["target_spot_capacity", "target_on_demand_capacity"]


def test_nothing_of_emrs_own_scaling_is_on(template: Any, module: dict[str, Any]) -> None:
    assert not {"ManagedScalingPolicy", "AutoTerminationPolicy", "AutoScalingRole"} & set(
        template["Resources"]["Cluster"]["Properties"]
    )
    assert not [name for name in module["resource"] if "scaling" in name]
    assert "auto_termination_policy" not in module["resource"]["aws_emr_cluster.cluster"]


def test_both_have_the_classification_of_spark_conf(template: Any, module: dict[str, Any]) -> None:
    expected = snippets.classifications((CHECKOUT / "spark_conf" / "spark-defaults.conf").read_text())
    (each,) = template["Resources"]["Cluster"]["Properties"]["Configurations"]
    assert {"Classification": each["Classification"], "Properties": each["ConfigurationProperties"]} == expected[0]
    written = module["resource"]["aws_emr_cluster.cluster"]["configurations_json"]
    assert dict(re.findall(r'"(spark[^"]+)" = "([^"]+)"', written)) == expected[0]["Properties"]


def test_terraform_finds_the_files_well_formed(tmp_path: Path) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("no terraform on this machine")
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", str(MODULE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_terraform_validates_the_module(tmp_path: Path) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("no terraform on this machine")
    copy = shutil.copytree(MODULE, tmp_path / "module")
    if not has_provider(terraform, copy):
        pytest.skip("terraform cannot have its AWS provider here, so the module is only parsed and compared")
    done = subprocess.run(
        [terraform, f"-chdir={copy}", "validate", "-no-color"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def has_provider(terraform: str, module: Path) -> bool:
    command = [terraform, f"-chdir={module}", "init", "-backend=false", "-input=false", "-no-color"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0
    except subprocess.TimeoutExpired:
        return False
