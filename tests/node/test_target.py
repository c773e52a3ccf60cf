"""Whose address Spark is given: files of a node, and ResourceManagers that answer over HTTP."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.aws.identity import Identity
from agent.aws.imds import Imds
from agent.node import address, daemons, hadoop_conf
from agent.node.daemons import Addresses
from tests.fakes.imds import FakeImds
from tests.node.nodes import SETTINGS, Node, node, site


def test_a_named_pipe_in_the_place_of_hadoops_file_tells_nothing(tmp_path: Path) -> None:
    """And nobody waits for it."""
    os.mkfifo(tmp_path / "yarn-site.xml")
    assert hadoop_conf.read(tmp_path / "yarn-site.xml") == {}


class Manager:
    """A ResourceManager at an address of its own that says one word about itself; None: it refuses connections."""

    def __init__(self, host: str, state: str | None) -> None:
        self.state = state
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = (
                    f'{{"clusterInfo": {{"haState": "{owner.state}"}}}}'
                    if self.path == "/ws/v1/cluster/info"
                    else "<html>This is standby RM</html>"
                )
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def close(self) -> None:
        """Also a second time."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def managers() -> Iterator[tuple[Manager, ...]]:
    with ExitStack() as stack:
        made = tuple(Manager(f"127.0.0.{number}", "STANDBY") for number in (1, 2, 3))
        for each in made:
            stack.callback(each.close)
        yield made


def of_three(managers: tuple[Manager, ...], here: str = "rm1") -> Mapping[str, str]:
    ids = {f"rm{number}": each for number, each in enumerate(managers, 1)}
    return {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": " rm1, rm2,rm3 ",
        "yarn.resourcemanager.ha.id": here,
        **{f"yarn.resourcemanager.hostname.{one}": each.server.server_address[0] for one, each in ids.items()},
        **{
            f"yarn.resourcemanager.webapp.address.{one}": f"${{yarn.resourcemanager.hostname.{one}}}:{each.port}"
            for one, each in ids.items()
        },
    }


@pytest.fixture
def it(tmp_path: Path, managers: tuple[Manager, ...]) -> Node:
    made = node(tmp_path, SETTINGS.replace("10.0.0.10", "127.0.0.9")).spark()
    made.yarn_site(of_three(managers))
    return made


def test_it_is_the_primary_beside_the_active_one_and_follows_a_failover(
    it: Node, managers: tuple[Manager, ...]
) -> None:
    for acting, host in ((1, "127.0.0.2"), (2, "127.0.0.3"), (0, "127.0.0.9")):
        for number, each in enumerate(managers):
            each.state = "ACTIVE" if number == acting else "STANDBY"
        assert it.run("apply").exit_code == 0
        assert it.host() == host, "this node's own is the one that its agent listens on"


def test_while_nobody_can_tell_who_acts_the_address_stays(it: Node, managers: tuple[Manager, ...]) -> None:
    assert it.run("apply").exit_code == 0 and it.host() == "127.0.0.9", "the first time: its own"
    managers[1].state = "ACTIVE"
    it.run("apply")
    for states in (("STANDBY",) * 3, ("ACTIVE", "ACTIVE", "STANDBY"), ("INITIALIZING", "STOPPED", "")):
        for each, state in zip(managers, states, strict=True):
            each.state = state
        result = it.run("apply")
        assert it.host() == "127.0.0.2" and "as before" in result.output and result.exit_code == 0
    # what a reconfiguration took away is written anew, with the address of this node
    it.file.unlink()
    assert it.run("apply").exit_code == 0 and it.host() == "127.0.0.9"


def test_a_dead_primary_keeps_nobody_from_finding_the_one_that_acts(it: Node, managers: tuple[Manager, ...]) -> None:
    managers[0].close()
    managers[2].state = "ACTIVE"
    assert it.run("apply").exit_code == 0 and it.host() == "127.0.0.3"


def test_with_one_primary_nobody_is_asked(tmp_path: Path) -> None:
    it = node(tmp_path).spark()
    it.yarn_site({"yarn.resourcemanager.hostname": "198.51.100.1"})
    assert it.run("apply").exit_code == 0 and it.host() == "10.0.0.10"


@pytest.mark.parametrize(
    "content", ["", "<configuration>", "not XML", "<a/>", "<configuration><property/></configuration>"]
)
def test_a_broken_yarn_site_is_none(tmp_path: Path, content: str) -> None:
    it = node(tmp_path).spark()
    it.yarn_site({})
    (it.root / "etc/hadoop/conf/yarn-site.xml").write_text(content)
    assert it.run("apply").exit_code == 0 and it.host() == "10.0.0.10"


@pytest.mark.parametrize(
    "properties, urls",
    [
        ({}, ()),
        ({"yarn.resourcemanager.hostname": "0.0.0.0"}, ()),
        ({"yarn.resourcemanager.hostname": "ip-10-0-0-10.ec2.internal"}, ("http://ip-10-0-0-10.ec2.internal:8088",)),
        ({"yarn.resourcemanager.webapp.address": "a:1", "yarn.resourcemanager.hostname": "b"}, ("http://a:1",)),
        ({"yarn.resourcemanager.webapp.address": "0.0.0.0:1", "yarn.resourcemanager.hostname": "b"}, ("http://b:1",)),
        ({"yarn.http.policy": "HTTPS_ONLY", "yarn.resourcemanager.hostname": "b"}, ("https://b:8090",)),
        (
            {
                "yarn.http.policy": "HTTPS_ONLY",
                "yarn.resourcemanager.webapp.https.address": "${h}:9",
                "h": "${g}",
                "g": "c",
            },
            ("https://c:9",),
        ),
        ({"yarn.resourcemanager.webapp.address": "${a}:1", "a": "${a}"}, ("http://${a}:1",)),
    ],
)
def test_where_resource_managers_answer(tmp_path: Path, properties: dict[str, str], urls: tuple[str, ...]) -> None:
    file = tmp_path / "yarn-site.xml"
    file.write_text(site(properties))
    assert tuple(each.url for each in hadoop_conf.managers(hadoop_conf.read(file))) == urls


def test_the_agent_polls_its_own_resource_manager_and_knows_the_others(it: Node, managers: tuple[Manager, ...]) -> None:
    urls = [f"http://127.0.0.{number}:{each.port}" for number, each in enumerate(managers, 1)]
    assert daemons.resource_manager(it.root) == Addresses(urls[0], (urls[1], urls[2]))
    it.yarn_site(of_three(managers, here="rm3"))
    assert daemons.resource_manager(it.root) == Addresses(urls[2], (urls[0], urls[1]))
    elsewhere = {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": "rm1,rm2",
        "yarn.resourcemanager.hostname.rm1": "198.51.100.1",
        "yarn.resourcemanager.hostname.rm2": "198.51.100.2",
    }
    it.yarn_site(elsewhere)
    assert daemons.resource_manager(it.root) is None, "none of them is here: nobody may act on that"
    assert daemons.resource_manager(it.root / "etc") is None


@pytest.mark.parametrize(
    "properties, found",
    [
        ({"dfs.namenode.http-address": "n:9870"}, Addresses("http://n:9870")),
        ({"dfs.namenode.http-address": "0.0.0.0:50070", "fs.defaultFS": "hdfs://n:8020"}, Addresses("http://n:50070")),
        ({"fs.defaultFS": "hdfs://n:8020"}, Addresses("http://n:9870")),
        ({"fs.defaultFS": "hdfs://n:8020", "dfs.http.policy": "HTTPS_ONLY"}, Addresses("https://n:9871")),
        (
            {
                "fs.defaultFS": "hdfs://ha",
                "dfs.nameservices": "ha",
                "dfs.ha.namenodes.ha": "nn1,nn2",
                "dfs.namenode.http-address.ha.nn1": "a:9870",
                "dfs.namenode.rpc-address.ha.nn2": "b:8020",
            },
            Addresses("http://a:9870", ("http://b:9870",)),
        ),
        ({"fs.defaultFS": "s3://bucket"}, None),
        ({}, None),
    ],
)
def test_where_name_nodes_answer(tmp_path: Path, properties: dict[str, str], found: Addresses | None) -> None:
    folder = tmp_path / "etc" / "hadoop" / "conf"
    folder.mkdir(parents=True)
    for name in ("core-site.xml", "hdfs-site.xml"):
        (folder / name).write_text(
            site({k: v for k, v in properties.items() if k.startswith("fs.") is (name[0] == "c")})
        )
    assert daemons.name_node(tmp_path) == found


def test_where_the_agent_listens() -> None:
    emr, other = Identity("j-1", "eu-west-1"), Identity(None, None)
    with FakeImds(private_address="10.1.2.3") as fake:
        imds = Imds(fake.url)
        assert address.listening("0.0.0.0", emr, imds) == "0.0.0.0"
        assert address.listening("auto", other, imds) == "127.0.0.1"
        own = address.listening("auto", emr, imds)
        assert own == "10.1.2.3" or own in address.own(), "the kernel's word goes first, EC2's is the fallback"
