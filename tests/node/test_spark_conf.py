"""`tidemark spark-conf` on a node's files: what it writes, what it leaves alone and what it refuses."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agent.node import replacing
from agent.node.replacing import Meanwhile, Seen
from agent.node.rooted import resolved
from tests.node.nodes import SETTINGS, Node, node

USERS = b"# of spark-metrics\r\n*.sink.csv.class=org.apache.spark.metrics.sink.CsvSink\r\n# \xe9 at the end, no newline"


@pytest.fixture
def it(tmp_path: Path) -> Node:
    return node(tmp_path).spark()


def test_without_spark_nothing_is_done_and_that_is_no_fault(tmp_path: Path) -> None:
    bare = node(tmp_path)
    for doing in ("apply", "remove"):
        result = bare.run(doing)
        assert (result.exit_code, result.output.startswith("no Spark:")) == (0, True)
    assert list(bare.root.iterdir()) == []


def test_a_file_is_made_and_taken_away_again(it: Node) -> None:
    result = it.run("apply")
    assert (result.exit_code, it.host()) == (0, "10.0.0.10"), result.output
    assert result.output.startswith("written:") and "10.0.0.10:42003 every 10 s" in result.output
    assert stat.S_IMODE(it.file.stat().st_mode) == 0o644
    inode = it.file.stat().st_ino
    assert it.run("apply").output.startswith("unchanged:") and it.file.stat().st_ino == inode
    assert it.run("remove").output.startswith("removed:")
    assert list(it.conf.iterdir()) == []
    assert it.run("remove").exit_code == 0


def test_a_users_file_keeps_bytes_mode_and_owner_and_is_itself_again_after_remove(it: Node) -> None:
    it.file.write_bytes(USERS)
    it.file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(it.file, 4321, 1234)
    owner = (it.file.stat().st_uid, it.file.stat().st_gid)
    for doing, there in (("apply", True), ("remove", False)):
        assert it.run(doing).exit_code == 0
        state = it.file.stat()
        assert (stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid) == (0o640, *owner)
        assert it.file.read_bytes().endswith(USERS) and (it.host() is not None) is there
    assert it.file.read_bytes() == USERS
    assert [each.name for each in it.conf.iterdir()] == ["metrics.properties"]


def test_what_a_reconfiguration_has_written_over_is_there_again_at_the_next_run(it: Node) -> None:
    it.run("apply")
    it.file.write_bytes(USERS)
    assert it.run("apply").output.startswith("written:")
    assert it.host() == "10.0.0.10" and it.file.read_bytes().endswith(USERS)


def test_other_settings_are_taken_over(it: Node) -> None:
    it.run("apply")
    it.config.write_text(SETTINGS.replace("10.0.0.10", "10.0.0.11") + "")
    assert it.run("apply").output.startswith("written:") and it.host() == "10.0.0.11"


def test_links_are_followed_within_the_root_and_stay(it: Node) -> None:
    shutil.rmtree(it.conf)
    real, linked = it.root / "etc" / "spark" / "conf.dist", it.root / "etc" / "alternatives" / "spark-conf"
    real.mkdir()
    linked.parent.mkdir()
    linked.symlink_to("/etc/spark/conf.dist")
    it.conf.symlink_to("../alternatives/spark-conf")
    (real / "metrics.properties").symlink_to("metrics.properties.mine")
    (real / "metrics.properties.mine").write_bytes(USERS)
    assert it.run("apply").exit_code == 0
    assert (real / "metrics.properties").is_symlink()
    assert (real / "metrics.properties.mine").read_bytes().endswith(USERS)
    assert b"10.0.0.10" in (real / "metrics.properties.mine").read_bytes()
    assert it.run("remove").exit_code == 0 and (real / "metrics.properties.mine").read_bytes() == USERS


def test_no_link_leads_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/../../b")
    (tmp_path / "round").symlink_to("round")
    assert resolved(tmp_path, Path("/a/c")) == tmp_path.resolve() / "b" / "c"
    assert resolved(tmp_path, Path("/../etc")) == tmp_path.resolve() / "etc"
    with pytest.raises(OSError, match="too many"):
        resolved(tmp_path, Path("/round"))


@pytest.mark.parametrize(
    "content, why",
    [
        (b"*.sink.tidemark.class=com.example.Mine\n", "another name"),
        (b"# >>> tidemark\na=1\n", "do not enclose one block"),
        (b"a=\\u12\n", "Java cannot read"),
    ],
)
def test_on_doubt_nothing_is_written_and_it_says_why(it: Node, content: bytes, why: str) -> None:
    it.file.write_bytes(content)
    before = it.file.stat()
    result = it.run("apply")
    assert result.exit_code == 1 and why in result.output and "left as it is" in result.output
    assert it.file.read_bytes() == content
    assert (it.file.stat().st_ino, it.file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("name", ["metrics.properties", "spark-defaults.conf"])
def test_a_named_pipe_in_the_place_of_a_file_is_not_waited_for(it: Node, name: str) -> None:
    (it.file.parent / name).unlink(missing_ok=True)
    os.mkfifo(it.file.parent / name)
    result = it.run("apply")
    assert result.exit_code == 1 and "is no regular file" in result.output
    assert stat.S_ISFIFO((it.file.parent / name).stat().st_mode)


@pytest.mark.parametrize(
    "settings, why",
    [
        (SETTINGS.replace("[fleet]", "port = 0\n[fleet]"), "listener.port is 0"),
        (SETTINGS.replace("[fleet]", "report_period_s = 2.5\n[fleet]"), "whole number"),
        (SETTINGS.replace("10.0.0.10", "ten point zero"), "no host name"),
    ],
)
def test_settings_that_make_no_sink_are_refused(tmp_path: Path, settings: str, why: str) -> None:
    it = node(tmp_path, settings).spark()
    result = it.run("apply")
    assert result.exit_code == 1 and why in result.output and not it.file.exists()


def test_settings_that_cannot_be_read_are_wrong_use_and_do_not_keep_remove_from_working(it: Node) -> None:
    it.run("apply")
    it.config.write_text("[fleet]\n")
    assert it.run("apply").exit_code == 2
    assert it.run("remove").exit_code == 0 and not it.file.exists()


def test_a_node_that_is_no_primary_is_left_alone(it: Node) -> None:
    it.info("instance.json", {"isMaster": False})
    result = it.run("apply")
    assert (result.exit_code, it.file.exists()) == (0, False) and "no primary" in result.output
    it.info("instance.json", {"isMaster": True})
    assert it.run("apply").exit_code == 0 and it.file.exists()


def test_a_spark_without_the_class_is_not_told_to_use_it(it: Node) -> None:
    jars = it.root / "usr" / "lib" / "spark" / "jars"
    jars.mkdir(parents=True)
    jar = jars / "spark-core_2.12-9.9.9.jar"
    with zipfile.ZipFile(jar, "w") as made:
        made.writestr("org/apache/spark/metrics/sink/CsvSink.class", b"")
    result = it.run("apply")
    assert result.exit_code == 1 and "GraphiteSink" in result.output and not it.file.exists()
    with zipfile.ZipFile(jar, "a") as made:
        made.writestr("org/apache/spark/metrics/sink/GraphiteSink.class", b"")
    assert it.run("apply").exit_code == 0 and it.file.exists()


def test_spark_defaults_that_name_another_file_are_told(it: Node) -> None:
    (it.conf / "spark-defaults.conf").write_text("spark.metrics.conf /home/me/metrics.properties\n")
    result = it.run("apply")
    assert result.exit_code == 0 and "/home/me/metrics.properties" in result.output


def test_show_tells_what_is_there_and_what_would_be(it: Node) -> None:
    assert "no such file" in it.run("show").output
    it.run("apply")
    shown = it.run("show").output
    assert "# present: 10.0.0.10" in shown and "# acting: 10.0.0.10:42003" in shown and "sink.tidemark.class" in shown


def test_while_another_one_is_at_it_nothing_is_done(it: Node) -> None:
    handle = os.open(it.conf, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        result = it.run("apply")
        assert (result.exit_code, it.file.exists()) == (0, False) and result.output.startswith("later:")
    finally:
        os.close(handle)


def test_a_change_by_another_hand_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "metrics.properties"
    absent = Seen.at(file)
    file.write_text("new")
    with pytest.raises(Meanwhile):
        replacing.replace(absent, b"ours")
    seen = Seen.at(file)
    file.write_text("changed")
    with pytest.raises(Meanwhile):
        replacing.replace(seen, b"ours")
    with pytest.raises(Meanwhile):
        replacing.delete(seen)
    assert file.read_text() == "changed" and list(tmp_path.iterdir()) == [file]


def test_what_a_killed_run_left_goes_with_the_next(it: Node) -> None:
    (it.conf / ".metrics.properties.tidemark-abc123").write_text("half")
    assert it.run("apply").exit_code == 0
    assert [each.name for each in it.conf.iterdir()] == ["metrics.properties"]


def test_on_a_read_only_file_system_it_says_so_and_changes_nothing(it: Node) -> None:
    """A mount namespace of its own, in which the folder is mounted read-only."""
    it.file.write_bytes(USERS)
    program = [sys.executable, "-m", "agent", "spark-conf", "apply", "--config", it.config, "--root", it.root]
    mounted = f'mount --bind "{it.conf}" "{it.conf}" && mount -o remount,bind,ro "{it.conf}"'
    shell = ["unshare", "--mount", "--map-root-user", "sh", "-c", f'{mounted} || exit 77; exec "$@"', "sh"]
    done = subprocess.run([*shell, *map(str, program)], capture_output=True, text=True, timeout=120)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine mounts nothing in a namespace of one's own: {done.stderr.strip()}")
    assert done.returncode == 1 and "Read-only file system" in done.stderr, done
    assert it.file.read_bytes() == USERS


def test_quietly_it_says_only_what_has_changed_or_failed(it: Node) -> None:
    assert "written:" in it.run("apply", "--quiet").output
    assert it.run("apply", "--quiet").output == ""
    it.file.write_bytes(b"*.sink.tidemark.class=x\n")
    assert it.run("apply", "--quiet").exit_code == 1
