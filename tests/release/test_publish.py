"""`tidemark publish` against S3 over HTTP: what is uploaded, never overwritten, and said when it cannot be."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import hcl2
import pytest
from cfnlint.decode import cfn_yaml
from click.testing import CliRunner, Result

import agent
from agent.cli import main
from agent.release import bundle, snippets
from agent.release.location import Location, parse
from agent.release.places import CHECKOUT, ReleaseError
from agent.release.store import Store
from agent.sandbox.emr import SandboxServer
from tests.release.test_lifecycle_template import plain
from tests.running import CREDENTIALS

VERSION = agent.__version__
TOPIC = "arn:aws:sns:eu-west-1:123456789012:notice"
MACHINES = ("RunJob", "RunCluster")
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:tidemark-alarms"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/clusters"


@dataclass
class Bucket:
    name: str
    endpoint: str
    s3: Any
    dist: Path
    """Archives as `tidemark bundle` leaves them; publishing does not look into them."""

    def publish(self, *words: str, to: str | None = None) -> Result:
        command = ["publish", to or f"s3://{self.name}/tools/tidemark/", "--from", str(self.dist)]
        return CliRunner().invoke(main, [*command, "--endpoint-url", self.endpoint, *words], prog_name="tidemark")

    def get(self, name: str) -> bytes:
        key = f"tools/tidemark/{VERSION}/{name}"
        body: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def names(self) -> set[str]:
        found = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {each["Key"].removeprefix(f"tools/tidemark/{VERSION}/") for each in found}

    def written_at(self) -> dict[str, Any]:
        return {each["Key"]: each["LastModified"] for each in self.s3.list_objects_v2(Bucket=self.name)["Contents"]}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with SandboxServer(tick_s=None) as server:
        yield server.endpoint


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="eu-west-1")
    # moto's state is the process's: a name of its own for each test
    name = "releases-" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    dist = tmp_path / "dist"
    dist.mkdir()
    for architecture in ("x86_64", "aarch64"):
        (dist / bundle.bundle_name(architecture)).write_bytes(f"bundle {architecture}".encode())
        (dist / bundle.function_name(architecture)).write_bytes(f"function {architecture}".encode())
    (dist / bundle.python_name("x86_64", "3.11.15")).write_bytes(b"python")
    return Bucket(name, endpoint, s3, dist)


def test_everything_that_a_launch_needs_is_there_and_adds_up(bucket: Bucket) -> None:
    done = bucket.publish()
    assert done.exit_code == 0, done.output
    wanted = {
        "install.sh",
        "SHA256SUMS",
        "iam-policy.json",
        "share/config.example.toml",
        "cloudformation/tidemark.yaml",
        "cloudformation/lifecycle.yaml",
    }
    wanted |= {path.name for path in bucket.dist.iterdir()}
    wanted |= {path.name for path in (CHECKOUT / "bootstrap").glob("*.asl.json")}
    wanted |= {f"profiles/{path.name}" for path in (CHECKOUT / "bootstrap" / "profiles").glob("*.toml")}
    wanted |= {f"terraform/{path.name}" for path in (CHECKOUT / "bootstrap" / "terraform").glob("*.tf")}
    wanted |= {
        f"units/{path.relative_to(CHECKOUT / 'bootstrap' / 'units')}"
        for path in (CHECKOUT / "bootstrap" / "units").rglob("*")
        if path.is_file()
    }
    assert bucket.names() == wanted
    lines = [line.split("  ") for line in bucket.get("SHA256SUMS").decode().splitlines()]
    listed = {name: checksum for checksum, name in lines}
    assert listed.keys() == wanted - {"SHA256SUMS"}
    assert listed == {name: hashlib.sha256(bucket.get(name)).hexdigest() for name in listed}


def test_install_knows_its_version_its_place_and_the_checksums(bucket: Bucket) -> None:
    bucket.publish()
    script = bucket.get("install.sh").decode()
    names = [
        *("TIDEMARK_VERSION", "TIDEMARK_BASE", "SHA256_x86_64", "SHA256_aarch64", "SHA256_PYTHON_x86_64"),
        *("PYTHON_BUNDLE_x86_64", "SHA256_PYTHON_aarch64", "PYTHON_BUNDLE_aarch64"),
    ]
    asked = "printf '%s\\n' " + " ".join(f'"${name}"' for name in names)
    filled = script.split("# >>> filled by tidemark publish\n")[1].split("# <<<\n")[0]
    said = subprocess.run(["bash", "-uc", filled + asked], capture_output=True, text=True, check=True).stdout
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in bucket.dist.iterdir()}
    python = bundle.python_name("x86_64", "3.11.15")
    assert said.split("\n")[:8] == [
        *(VERSION, f"s3://{bucket.name}/tools/tidemark/{VERSION}"),
        *(sums[bundle.bundle_name("x86_64")], sums[bundle.bundle_name("aarch64")], sums[python], python, "", ""),
    ]
    template = (CHECKOUT / "bootstrap" / "install.sh").read_text()
    assert script.split("# <<<\n")[1] == template.split("# <<<\n")[1]


def test_the_policy_is_for_this_bucket_and_every_version(bucket: Bucket) -> None:
    bucket.publish("--topic", TOPIC, "--queue", QUEUE, "--table", TABLE)
    statements = {each["Sid"]: each for each in json.loads(bucket.get("iam-policy.json"))["Statement"]}
    assert statements["TidemarkReadRelease"]["Resource"] == f"arn:aws:s3:::{bucket.name}/tools/tidemark/*"
    assert statements["TidemarkNotify"]["Resource"] == TOPIC
    assert statements["TidemarkHearAlarms"]["Resource"] == QUEUE
    assert statements["TidemarkLifecycleTable"]["Resource"] == TABLE
    whole = json.loads((CHECKOUT / "bootstrap" / "iam-policy.json").read_text())["Statement"]
    assert [each["Sid"] for each in whole] == list(statements)


def test_without_a_topic_a_queue_and_a_table_nothing_may_be_done_with_one(bucket: Bucket) -> None:
    bucket.publish()
    assert b"dynamodb:" not in bucket.get("iam-policy.json")
    assert b"sns:" not in bucket.get("iam-policy.json")
    assert b"sqs:" not in bucket.get("iam-policy.json")
    assert b"@" not in bucket.get("iam-policy.json")


def test_the_same_bytes_again_are_fine_and_nothing_is_uploaded(bucket: Bucket) -> None:
    bucket.publish()
    before = bucket.written_at()
    done = bucket.publish("--json")
    assert done.exit_code == 0, done.output
    assert not any(each["uploaded"] for each in json.loads(done.stdout)["objects"])
    assert bucket.written_at() == before


def test_other_bytes_are_refused_and_nothing_is_changed(bucket: Bucket) -> None:
    bucket.publish()
    before = bucket.get("install.sh")
    (bucket.dist / bundle.bundle_name("aarch64")).write_bytes(b"another build")
    done = bucket.publish()
    assert done.exit_code == 1
    assert "never changed" in done.stderr
    assert bundle.bundle_name("aarch64") in done.stderr
    assert bucket.get("install.sh") == before
    assert bucket.get(bundle.bundle_name("aarch64")) == b"bundle aarch64"


def test_an_interrupted_upload_is_completed(bucket: Bucket) -> None:
    bucket.publish()
    for name in ("install.sh", "SHA256SUMS", "iam-policy.json"):
        bucket.s3.delete_object(Bucket=bucket.name, Key=f"tools/tidemark/{VERSION}/{name}")
    done = bucket.publish("--json")
    new = {each["name"] for each in json.loads(done.stdout)["objects"] if each["uploaded"]}
    assert new == {"install.sh", "SHA256SUMS", "iam-policy.json"}


def test_an_object_that_somebody_else_put_there_counts_by_its_bytes(bucket: Bucket) -> None:
    for name, data in (("x86_64", b"bundle x86_64"), ("aarch64", b"not this one")):
        key = f"tools/tidemark/{VERSION}/{bundle.bundle_name(name)}"
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=data)
    done = bucket.publish()
    assert done.exit_code == 1
    assert bundle.bundle_name("aarch64") in done.stderr
    assert bundle.bundle_name("x86_64") not in done.stderr
    assert len(bucket.names()) == 2


def test_of_two_writers_only_the_first_one_writes(bucket: Bucket) -> None:
    store = Store(bucket.s3, Location(bucket.name, ""))
    assert store.create("key", b"first", "text/plain")
    assert not store.create("key", b"second", "text/plain")
    assert store.sha256("key") == hashlib.sha256(b"first").hexdigest()
    assert store.sha256("no/such/key") is None


# what to do when it cannot be


def test_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    done = bucket.publish("--region", "eu-west-1", to="s3://no-such-bucket-here/x")
    assert done.exit_code == 1
    assert "aws s3 mb s3://no-such-bucket-here --region eu-west-1" in done.stderr


def test_a_bucket_in_another_region(bucket: Bucket) -> None:
    done = bucket.publish("--region", "us-east-2")
    assert done.exit_code == 1
    assert "is in eu-west-1, not in us-east-2" in done.stderr
    assert bucket.names() == set()


def test_a_missing_right_is_named(bucket: Bucket) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket.name}/*"}
    bucket.s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    done = bucket.publish()
    assert done.exit_code == 1
    assert "denied: PutObject" in done.stderr
    assert "needs s3:PutObject" in done.stderr


def test_no_credentials(bucket: Bucket) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    env |= {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(bucket.dist)}
    command = [sys.executable, "-m", "agent", "publish", f"s3://{bucket.name}/x", "--endpoint-url", bucket.endpoint]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no AWS credentials: run `aws configure`" in done.stderr


def test_archives_that_are_missing_or_too_many(bucket: Bucket, tmp_path: Path) -> None:
    (bucket.dist / bundle.python_name("x86_64", "3.11.14")).write_bytes(b"another")
    assert "more than one interpreter for x86_64" in bucket.publish().stderr
    (bucket.dist / bundle.bundle_name("aarch64")).unlink()
    done = bucket.publish("--arch", "aarch64")
    assert done.exit_code == 1
    assert f"not {bundle.bundle_name('aarch64')}: `tidemark bundle --output" in done.stderr
    assert bucket.publish("--python", str(tmp_path)).exit_code == 2


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("bucket/prefix", "write s3://bucket/prefix"),
        ("https://bucket/prefix", "write s3://bucket/prefix"),
        ("s3://", "no name of a bucket"),
        ("s3://Bucket_1/x", "no name of a bucket"),
        ("s3://bucket/a b", "the prefix has ' '"),
        ("s3://bucket/a//b", "the prefix has '//'"),
        ("s3://bucket/$(id)", r"the prefix has '\$'"),
    ],
)
def test_what_is_no_place_is_refused(uri: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        parse(uri)


def test_the_root_of_a_bucket_is_a_place() -> None:
    assert parse("s3://bucket") == parse("s3://bucket/") == Location("bucket", "")
    assert parse("s3://bucket").under("1.0").uri == "s3://bucket/1.0"


# what to paste


def section(text: str, title: str) -> str:
    return text.split(title)[1].split("\n", 1)[1].split("\n\n")[0]


def test_every_form_that_is_printed_asks_for_the_same(bucket: Bucket) -> None:
    text, data = bucket.publish().stdout, json.loads(bucket.publish("--json").stdout)
    api = ast.literal_eval("{" + section(text, "boto3").replace("    ", "'").replace("=[", "':[") + "}")
    assert api == {
        "BootstrapActions": data["bootstrap_actions"],
        "Configurations": data["configurations"],
        "Tags": data["tags"],
    }
    template, faults = cfn_yaml.loads(section(text, "CloudFormation")), api["Configurations"]
    action = api["BootstrapActions"][0]
    assert template["BootstrapActions"] == [action]
    assert template["Tags"] == api["Tags"]
    assert [each["ConfigurationProperties"] for each in template["Configurations"]] == [f["Properties"] for f in faults]
    block = hcl2.loads(section(text, "Terraform") + "\n")["bootstrap_action"][0]
    script = action["ScriptBootstrapAction"]
    assert [json.loads(block["path"]), *map(json.loads, block["args"])] == [script["Path"], *script["Args"]]
    cli = section(text, "aws emr create-cluster")
    assert f"'Path={script['Path']},Name=Tidemark,Args=[{','.join(script['Args'])}]'" in cli
    assert json.loads(cli.split("--configurations '")[1].split("'")[0]) == api["Configurations"]
    assert data["install"] == script["Path"]


def test_the_command_that_deploys_names_what_was_published(bucket: Bucket) -> None:
    text, data = bucket.publish().stdout, json.loads(bucket.publish("--json").stdout)["deploy"]
    assert data["cli"] in text
    given = data["parameters"]
    assert given == {
        "ReleaseBucket": bucket.name,
        "ReleasePrefix": "tools/tidemark",
        "TidemarkVersion": VERSION,
        "Architecture": "arm64",
    }
    template = plain(cfn_yaml.loads(bucket.get("cloudformation/lifecycle.yaml").decode()))
    asked = {name for name, each in template["Parameters"].items() if "Default" not in each}
    assert asked <= given.keys() <= template["Parameters"].keys()
    code = template["Resources"]["Function"]["Properties"]["Code"]["S3Key"]["Fn::Sub"][0]
    keys = [code.replace("${Machine}", machine) for machine in ("aarch64", "x86_64")]
    keys += [template["Resources"][name]["Properties"]["DefinitionS3Location"]["Key"]["Fn::Sub"] for name in MACHINES]
    for key in keys:
        for name, value in given.items():
            key = key.replace("${" + name + "}", value)
        assert key.removeprefix(f"tools/tidemark/{VERSION}/") in bucket.names()
    assert f"--parameter-overrides {' '.join(f'{name}={value}' for name, value in given.items())}" in text


def test_the_root_of_a_bucket_has_no_command_that_deploys(bucket: Bucket) -> None:
    done = bucket.publish(to=f"s3://{bucket.name}")
    assert "asks for a release below a prefix" in done.stdout


def test_emr_takes_what_is_printed(bucket: Bucket) -> None:
    data = json.loads(bucket.publish("--json").stdout)
    emr = boto3.client("emr", endpoint_url=bucket.endpoint, region_name="eu-west-1")
    group = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    cluster = emr.run_job_flow(
        Name="published",
        ReleaseLabel="emr-7.10.0",
        Instances={"InstanceGroups": [group], "KeepJobFlowAliveWhenNoSteps": True},
        JobFlowRole="role",
        ServiceRole="role",
        BootstrapActions=data["bootstrap_actions"],
        Configurations=data["configurations"],
        Tags=data["tags"],
    )["JobFlowId"]
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Tags"] == data["tags"]


def test_the_classification_is_the_file_of_spark_conf() -> None:
    (each,) = snippets.classifications((CHECKOUT / "spark_conf" / "spark-defaults.conf").read_text())
    assert each["Classification"] == "spark-defaults"
    assert each["Properties"]["spark.sql.streaming.metricsEnabled"] == "true"
    assert len(each["Properties"]) == 3


def test_the_example_is_settings_that_can_be_used(bucket: Bucket) -> None:
    bucket.publish()
    assert "fleet" in tomllib.loads(bucket.get("share/config.example.toml").decode())
