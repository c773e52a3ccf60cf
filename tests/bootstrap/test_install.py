"""The real install.sh with the real AWS CLI against the sandbox's S3, on nodes of every kind."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path

import boto3
import pytest

from tests.bootstrap import info, releases
from tests.bootstrap.conftest import S3, MakeNode, publish
from tests.bootstrap.node import Kind, Node, host_python
from tests.bootstrap.outcome import assert_good, good
from tests.bootstrap.releases import Published

pytestmark = pytest.mark.node

SETTINGS = b'[cluster]\nname = "nightly"\n[fleet]\nmax_capacity_units = 40\n'
NOT_OURS = (
    "emr/",
    "etc/.pwd.lock",
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/sub",
    "etc/ld.",
    "etc/login",
)
"""The script itself, what the system's tools keep beside the user database, and what is mounted for the test."""

PAM = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"


@pytest.fixture
def on_s3(s3: S3, published: Published) -> Published:
    return published.at(f"s3://{s3.bucket}/{published.version}")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(info.of_group("master"), id="instance-group"),
        pytest.param(info.of_group("master", info.OTHER_INFO), id="instance-group-other-folder"),
        pytest.param(info.of_fleet("master"), id="instance-fleet"),
        pytest.param(info.role_alone("master"), id="instance-fleet-role-in-capitals-alone"),
        pytest.param(info.of_group("master", candidates=3), id="one-of-three"),
    ],
)
def test_a_primary_gets_the_agent_from_s3(make_node: MakeNode, s3: S3, on_s3: Published, files: info.Files) -> None:
    node = make_node(files)
    node.env = s3.env
    settings = s3.put("settings.toml", SETTINGS)
    said = good(node.install(on_s3.script, "--config", settings, "--set", "fleet.min_capacity_units=2"))
    assert_good(node, on_s3, said)
    written = tomllib.loads(node.text("etc/tidemark/config.toml"))
    assert written["fleet"] == {"max_capacity_units": 40, "min_capacity_units": 2}
    assert written["cluster"] == {"name": "nightly"}
    assert written["idle"] == {"enabled": False}, "ending an idle cluster is asked for, not assumed"
    compiled = list((node.root / "opt/tidemark/releases").rglob("*.pyc"))
    assert compiled, "the release starts without compiling"
    assert f"installed {on_s3.release}" in node.text("var/log/tidemark/install.log")
    assert all("--no-block" in call for call in node.recorded("calls") if call.startswith(("start", "restart")))


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(info.of_group("core"), id="core"),
        pytest.param(info.of_group("task"), id="task"),
        pytest.param(info.of_fleet("task"), id="task-of-a-fleet"),
        pytest.param(info.role_alone("core"), id="core-role-alone"),
        pytest.param({}, id="no-files"),
        pytest.param({f"{info.INFO}/instance.json": ""}, id="empty"),
        pytest.param({f"{info.INFO}/instance.json": '{"isMaster": tr'}, id="cut-off"),
        pytest.param({f"{info.INFO}/instance.json": "\0\1garbage" * 50_000}, id="garbage"),
        pytest.param({f"{info.INFO}/instance.json/nothing": ""}, id="a-folder"),
    ],
)
def test_any_other_node_is_left_as_it_was(make_node: MakeNode, on_s3: Published, files: info.Files) -> None:
    node = make_node(files)
    node.end_at = 0
    script = on_s3.script
    node.install(script)  # places the script
    before = node.tree()
    said = good(node.install(script, "--strict", "--config", "s3://nowhere/at-all.toml"))
    assert "not the primary" in said
    assert node.tree() == before
    assert node.recorded("commands") == [], "no further process: this node was bought because it is needed now"


def test_twice_is_as_once_and_fetches_nothing_again(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    settings = s3.put("settings.toml", SETTINGS)
    good(primary.install(on_s3.script, "--config", settings))
    before = {name: what for name, what in primary.tree().items() if not name.startswith("var/log")}
    primary.forget("calls")
    primary.env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    good(primary.install(on_s3.script, "--config", settings))
    assert {name: what for name, what in primary.tree().items() if not name.startswith("var/log")} == before
    assert_good(primary, on_s3)
    assert not [call for call in primary.recorded("calls") if "restart" in call or "daemon-reload" in call]


def test_without_a_network_the_cluster_comes_up_without_it(make_node: MakeNode, on_s3: Published) -> None:
    node = make_node(info.of_group("master"))
    if node.kind is Kind.PREFIX:
        pytest.skip("a network is taken away with a namespace, and namespaces are not permitted here")
    node.has_network = False
    node.env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    said = good(node.install(on_s3.script, "--config", "s3://tidemark-releases/settings.toml"))
    assert "cannot be fetched" in said
    assert "InstallFailed could not be sent" in said
    assert node.links() == {}
    assert node.install(on_s3.script, "--strict").returncode == 1


def test_a_failure_is_a_metric(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    good(primary.install(on_s3.at(f"s3://{s3.bucket}/absent").script))
    keys = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox"}
    cloudwatch = boto3.client("cloudwatch", endpoint_url=s3.endpoint, region_name=info.REGION, **keys)
    (metric,) = cloudwatch.list_metrics(Namespace="Tidemark", MetricName="InstallFailed")["Metrics"]
    assert metric["Dimensions"] == [{"Name": "ClusterId", "Value": info.CLUSTER_ID}]


def test_other_bytes_than_published_are_never_unpacked(primary: Node, s3: S3, published: Published) -> None:
    primary.env = s3.env
    key = f"other/{published.archives[0].path.name}"
    s3.put(key, published.archives[0].path.read_bytes()[:-1] + b"x")
    said = good(primary.install(published.at(f"s3://{s3.bucket}/other").script))
    assert "is not what was published" in said
    assert primary.links() == {}
    assert not list((primary.root / "opt/tidemark/releases").iterdir())
    assert not (primary.root / "etc/systemd/system/tidemark.service").exists()


def test_a_node_without_python_runs_with_the_published_one(
    primary: Node, s3: S3, published: Published, tmp_path: Path
) -> None:
    if host_python() is None:
        pytest.skip("this machine has no Python 3.11 to pack")
    if primary.kind is Kind.PREFIX:
        pytest.skip("this machine's Python is hidden with a mount, and namespaces are not permitted here")
    primary.env, primary.has_python = s3.env, False
    said = good(primary.install(publish(s3, published).script, "--set", "fleet.max_capacity_units=4"))
    assert "no Python 3.11" in said
    assert primary.links() == {}
    assert primary.install(published.script, "--python", "system", "--strict").returncode == 1
    with_python = publish(s3, releases.with_interpreter(published))
    said = good(primary.install(with_python.script, "--set", "fleet.max_capacity_units=4"))
    assert_good(primary, with_python, said)
    release = primary.root / "opt/tidemark/releases" / with_python.release
    assert str((release / "python").readlink()).startswith("../../interpreters/")


def test_settings_that_cannot_be_used_never_start_a_resize(primary: Node, s3: S3, on_s3: Published) -> None:
    """Nothing says how much may be bought: the agent observes. Later the last good settings stay."""
    primary.env = s3.env
    bad = s3.put("bad.toml", b"[fleet]\nmax_capacity = 4\n")
    assert primary.install(on_s3.script, "--strict", "--config", bad).returncode == 1
    assert_good(primary, on_s3)
    written = tomllib.loads(primary.text("etc/tidemark/config.toml"))
    assert written["fleet"]["actuator"] == "dry_run"
    log = primary.text("var/log/tidemark/install.log")
    assert "did you mean" in log
    assert "ONLY OBSERVES" in log

    good(primary.install(on_s3.script, "--config", s3.put("good.toml", SETTINGS)))
    now = primary.text("etc/tidemark/config.toml")
    assert tomllib.loads(now)["fleet"] == {"max_capacity_units": 40}
    said = good(primary.install(on_s3.script, "--config", f"s3://{s3.bucket}/absent.toml"))
    assert "the last good ones stay" in said
    assert primary.text("etc/tidemark/config.toml") == now


def test_without_settings_it_observes_and_a_maximum_is_enough(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    good(primary.install(on_s3.script))
    assert tomllib.loads(primary.text("etc/tidemark/config.toml"))["fleet"]["actuator"] == "dry_run"
    good(primary.install(on_s3.script, "--set=fleet.max_capacity_units=7", "--enable-terminate"))
    written = tomllib.loads(primary.text("etc/tidemark/config.toml"))
    assert written["fleet"] == {"max_capacity_units": 7}
    assert written["idle"] == {"enabled": True}
    good(primary.install(on_s3.script))
    assert tomllib.loads(primary.text("etc/tidemark/config.toml")) == written, "without a word the settings stay"


def test_unknown_arguments_are_warnings(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    said = good(primary.install(on_s3.script, "--colour", "blue", "--python", "4", "--config"))
    for words in ("'--colour'", "'blue'", "--python is auto", "--config needs a value"):
        assert words in said
    assert_good(primary, on_s3)


def test_from_standard_input_as_a_step(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    script = primary.root / "tmp/from-s3"
    script.write_text(on_s3.script, encoding="utf-8")
    piped = f"cat {primary.inside(script)} | bash -s -- --set fleet.max_capacity_units=3"
    assert_good(primary, on_s3, good(primary.run(["bash", "-c", piped])))


@pytest.mark.parametrize(("systemd", "known"), [(219, "MemoryLimit="), (252, "MemoryMax=")])
def test_the_units_are_those_of_the_nodes_systemd(
    primary: Node, s3: S3, on_s3: Published, systemd: int, known: str
) -> None:
    primary.env, primary.systemd = s3.env, systemd
    good(primary.install(on_s3.script))
    assert known in primary.text("etc/systemd/system/tidemark.service")


def test_upgrade_roll_back_and_remove(primary: Node, s3: S3, published: Published, newer: Published) -> None:
    primary.env = s3.env
    empty = primary.tree()
    old, new = publish(s3, published), publish(s3, newer)
    settings = s3.put("settings.toml", SETTINGS)
    good(primary.install(old.script, "--config", settings))
    good(primary.install(new.script, "--config", settings))
    assert_good(primary, new)
    assert primary.links()["previous"] == f"releases/{old.release}"
    good(primary.install(new.script, "--rollback"))
    assert_good(primary, old)
    good(primary.install(new.script, "--rollback"))
    assert_good(primary, new)

    said = good(primary.install(new.script, "--remove"))
    files = {name for name in primary.tree() if (primary.root / name).is_file()}
    assert {name for name in files - empty.keys() if not name.startswith(NOT_OURS)} == set(), said
    for folder in ("opt/tidemark", "etc/tidemark", "var/lib/tidemark", "var/log/tidemark", "etc/logpusher"):
        assert not (primary.root / folder).exists()
    assert "tidemark" not in primary.text("etc/passwd") + primary.text("etc/group")
    assert not [*(primary.root / "recorded/active").iterdir(), *(primary.root / "recorded/enabled").iterdir()]
    good(primary.install(new.script, "--remove"))
    assert_good(primary, new, good(primary.install(new.script, "--config", settings)))


def test_only_the_current_release_and_the_one_before_it_are_kept(
    primary: Node, s3: S3, published: Published, newer: Published, tmp_path: Path
) -> None:
    primary.env = s3.env
    newest = releases.as_version(published, "9.2.0", tmp_path)
    for each in (published, newer, newest):
        good(primary.install(publish(s3, each).script))
    kept = {path.name for path in (primary.root / "opt/tidemark/releases").iterdir()}
    assert kept == {newer.release, newest.release}


def test_an_unpublished_script_says_what_to_do(primary: Node) -> None:
    said = good(primary.install(releases.SCRIPT.read_text(encoding="utf-8")))
    assert "tidemark publish" in said


def test_under_a_root_prefix_nothing_is_started_and_nothing_else_is_touched(
    tmp_path: Path, aws_environment: Path, s3: S3, on_s3: Published
) -> None:
    """As for an image. The host's own users are looked at before and after."""
    users = Path("/etc/passwd").read_bytes()
    image = Node(tmp_path / "image", Kind.PREFIX, aws_environment)
    image.know(info.of_fleet("master"))
    image.env = s3.env
    good(image.install(on_s3.script, "--set", "fleet.max_capacity_units=4"))
    assert_good(image, on_s3)
    assert not [call for call in image.recorded("calls") if not call.startswith("--root=")]
    assert Path("/etc/passwd").read_bytes() == users
    if os.geteuid() == 0:
        assert "tidemark" in image.text("etc/passwd")
    good(image.install(on_s3.script, "--remove"))
    assert image.links() == {}
    assert "tidemark" not in image.text("etc/passwd")


def test_the_user_of_bootstrap_actions_becomes_root_with_sudo(primary: Node, s3: S3, on_s3: Published) -> None:
    """EMR runs them as `hadoop`, who may do that without a password."""
    if primary.kind is Kind.PREFIX or shutil.which("sudo") is None:
        pytest.skip("needs sudo, and a root of its own for its rules")
    info.write(primary.root, {"etc/sudoers": "ALL ALL=(ALL) NOPASSWD: ALL\n", "etc/pam.d/sudo": PAM})
    primary.env = s3.env
    said = good(primary.install(on_s3.script, "--no-start"))
    good(primary.install(on_s3.script, "--remove"))
    script = primary.inside(primary.root / "emr/instance-controller/lib/bootstrap-actions/1/install.sh")
    as_hadoop = ["setpriv", "--reuid=hadoop", "--regid=hadoop", "--clear-groups", "bash", script]
    said = good(primary.run([*as_hadoop, "--set", 'cluster.name=a "b" $c'], None))
    assert_good(primary, on_s3, said)
    assert tomllib.loads(primary.text("etc/tidemark/config.toml"))["cluster"] == {"name": 'a "b" $c'}


def test_a_folder_for_logs_that_emr_makes_later_is_made(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    (primary.root / "var/log").rmdir()
    (primary.root / "var/log").symlink_to("../mnt/var/log")
    assert_good(primary, on_s3, good(primary.install(on_s3.script)))
    assert f"installed {on_s3.release}" in primary.text("mnt/var/log/tidemark/install.log")


def test_root_follows_no_link_in_the_agents_log_folder(primary: Node, s3: S3, on_s3: Published) -> None:
    primary.env = s3.env
    logs, other = primary.root / "var/log/tidemark", primary.root / "var/other"
    logs.mkdir(parents=True)
    other.mkdir()
    (other / "file").write_text("as it was", encoding="utf-8")
    (logs / "install.log").symlink_to("../../other/file")
    good(primary.install(on_s3.script))
    assert f"installed {on_s3.release}" in primary.text("var/log/tidemark/install.log")
    with (logs / "install.log").open("a", encoding="utf-8") as file:
        file.write("x" * 1_100_000)
    (logs / "install.log.1").symlink_to("../../other")
    good(primary.install(on_s3.script))
    assert [path.name for path in other.iterdir()] == ["file"]
    assert (other / "file").read_text("utf-8") == "as it was"
    assert (logs / "install.log.1").stat().st_size > 1_100_000


def test_the_folder_of_shutdown_actions_is_whose_the_one_above_is(primary: Node, s3: S3, on_s3: Published) -> None:
    """Others write to it from bootstrap actions of theirs, as hadoop."""
    if os.geteuid() != 0:
        pytest.skip("giving a folder to another user takes root")
    primary.env = s3.env
    public = primary.root / "mnt/var/lib/instance-controller/public"
    public.mkdir(parents=True)
    os.chown(public, 498, 498)
    good(primary.install(on_s3.script))
    made = (public / "shutdown-actions").stat()
    assert (made.st_uid, made.st_gid) == (498, 498)


def test_the_shutdown_action_writes_through_no_link(primary: Node) -> None:
    if primary.kind is not Kind.NAMESPACES:
        pytest.skip(f"the script knows only the paths of a node: {primary.kind}")
    logs = primary.root / "var/log/tidemark"
    logs.mkdir(parents=True)
    (primary.root / "var/other").write_text("as it was", encoding="utf-8")
    (logs / "journal-at-the-end.log").symlink_to("../../other")
    stand_in = primary.root / "tools/bin/journalctl"
    stand_in.write_text("#!/bin/sh\necho said\n", encoding="utf-8")
    stand_in.chmod(0o755)
    script = (releases.ROOT / "bootstrap/share/shutdown-action.sh").read_text(encoding="utf-8")
    good(primary.run(["bash", "-s"], script))
    assert primary.text("var/other") == "as it was"
    assert [path.name for path in logs.iterdir()] == ["journal-at-the-end.log"]
    assert primary.text("var/log/tidemark/journal-at-the-end.log") == "said\n"


def test_a_sink_that_no_release_is_left_to_remove_is_said(primary: Node) -> None:
    conf = primary.root / "etc/spark/conf"
    conf.mkdir(parents=True)
    (conf / "metrics.properties").write_text("# >>> tidemark\n# <<< tidemark\n", encoding="utf-8")
    done = primary.install(releases.SCRIPT.read_text(encoding="utf-8"), "--remove", "--strict")
    assert done.returncode == 1
    assert "by hand" in done.stdout
    (conf / "metrics.properties").write_text("", encoding="utf-8")
    good(primary.install(releases.SCRIPT.read_text(encoding="utf-8"), "--remove", "--strict"))
