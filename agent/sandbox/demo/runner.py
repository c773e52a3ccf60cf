"""Runs the demo: sets everything up, watches it from outside, and says whether every stage was observed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from rich.console import Console

from agent import settings_file
from agent.sandbox.demo import figures, report, stages
from agent.sandbox.demo import plan as plans
from agent.sandbox.demo.figures import Figures
from agent.sandbox.demo.ground import (
    Ground,
    application_arguments,
    application_settings,
    standalone,
)
from agent.sandbox.demo.narrator import CallTeller, ChangeTeller, JournalTail, Narrator
from agent.sandbox.demo.plan import Places, Plan
from agent.sandbox.demo.stages import Passed, Stage
from agent.sandbox.demo.witness import Seen, Witness
from agent.sandbox.emr import Delays, Market, SandboxServer
from agent.sandbox.spark.conf import MetricsSink

REGION = "eu-west-1"
STOP_TIMEOUT_S = 30.0


Stand = Callable[[Plan, Path, MetricsSink | None], AbstractContextManager[Ground]]
"""Makes the ground that the demo stands on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the demo ended."""

    passed: Sequence[Passed]
    missing: Stage | None
    """The stage that was not observed; None when all were."""
    folder: Path
    page: Path
    figures: Figures


def run(plan: Plan, folder: Path, console: Console, stand: Stand = standalone, beside: Figures | None = None) -> Ending:
    """The whole demo. Afterwards nothing of it runs any more, and `folder` holds what it left behind.

    `beside` are the figures of another run, for the report. Raises what the ground says that cannot be stood on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = time.time()
    narrator = Narrator(console, began)
    port, ui_port, status_port = free_ports(3)
    sink = MetricsSink("127.0.0.1", port, int(plan.report_period_s)) if plan.sink else None
    narrator.say("set-up", "starting the cluster's daemons")
    with stand(plan, folder, sink) as ground:
        narrator.say("set-up", ground.described)
        calls = CallTeller(narrator)
        server = SandboxServer(
            host=ground.host,
            delays=Delays(provision_s=plan.provisioning_s),
            folder=folder,
            step_env=ground.submit_environment(),
            region=REGION,
            on_call=lambda call: calls.tell(call.operation, _summary(call.request)),
        )
        with server:
            if plan.spot_supply is not None:
                server.emr.limit(Market.SPOT, plan.spot_supply)
            return _with_cluster(
                plan, folder, narrator, calls, ground, server.endpoint, (port, ui_port, status_port), began, beside
            )


def _with_cluster(
    plan: Plan,
    folder: Path,
    narrator: Narrator,
    calls: CallTeller,
    ground: Ground,
    endpoint: str,
    ports: tuple[int, int, int],
    began: float,
    beside: Figures | None,
) -> Ending:
    port, ui_port, status_port = ports
    emr, cloudwatch = (_client(service, endpoint) for service in ("emr", "cloudwatch"))
    cluster_id = emr.run_job_flow(**_job_flow(plan, ground, ui_port, folder))["JobFlowId"]
    narrator.say("set-up", f"EMR sandbox at {endpoint}, cluster {cluster_id}: primary, one core unit, no task fleet")
    settings = plans.settings(
        plan,
        Places(
            cluster_id=cluster_id,
            region=REGION,
            endpoint_url=endpoint,
            listener_port=port,
            status_port=status_port,
            sources=ground.sources,
            folder=folder,
        ),
    )
    file = folder / "tidemark.toml"
    file.write_text(settings_file.render(settings), encoding="utf-8")
    low, _ = (rule.bound for rule in settings.policy.rules)
    narrator.say("set-up", f"policy {plan.policy}")
    watch = Watch(
        witness=Witness(
            emr=emr,
            cloudwatch=cloudwatch,
            cluster_id=cluster_id,
            ground=ground,
            driver_url=f"http://127.0.0.1:{ui_port}",
        ),
        narrator=narrator,
        journal=JournalTail(settings.journal.path, narrator),
        changes=ChangeTeller(narrator, low),
    )
    narrator.say("set-up", f"tidemark run --config {file}")
    narrator.say("set-up", f"its status page, while this runs: http://127.0.0.1:{status_port}/")
    story = stages.story(low, settings.fleet.min_capacity_units, plan, hdfs=ground.name_node_url is not None)
    with _agent(file, folder / "agent.log") as agent:
        passed, missing = watch.follow(story, agent)
    measured = _figures(plan, ground, watch.witness.seen)
    figures.save(measured, folder)
    page = folder / "report.html"
    report.write(
        report.Report(
            began=began,
            stages=story,
            passed=passed,
            marks=watch.journal.marks,
            seen=watch.witness.seen,
            memory_bounds_percent=tuple(rule.bound for rule in settings.policy.rules_in_force),
            runs=(measured,) if beside is None else (beside, measured),
            differences=plans.differences(settings),
            calls=sorted(calls.counts.items()),
            files=sorted(path.name for path in folder.iterdir() if path.is_file() and path != page),
        ),
        page,
    )
    return Ending(passed, missing, folder, page, measured)


def _figures(plan: Plan, ground: Ground, seen: Seen) -> Figures:
    at = seen.workers_at or datetime.now(UTC)
    return Figures(
        policy=plan.policy,
        cluster=ground.name,
        job_s=None if seen.step is None else figures.job_seconds(seen.step),
        worker_s=figures.worker_seconds(seen.workers, seen.weights, at),
        workers=len(seen.workers),
        still_there=figures.still_there(seen.workers),
    )


@dataclass(slots=True, kw_only=True)
class Watch:
    """Follows the story stage by stage."""

    witness: Witness
    narrator: Narrator
    journal: JournalTail
    changes: ChangeTeller

    def follow(self, story: Sequence[Stage], agent: subprocess.Popen[bytes]) -> tuple[list[Passed], Stage | None]:
        """The stages that were passed, and the first one that was not seen in its time."""
        passed: list[Passed] = []
        stop = threading.Event()
        thread = threading.Thread(target=self.witness.run, args=(stop,), name="witness", daemon=True)
        thread.start()
        try:
            for stage in story:
                seen = self._await(stage, agent)
                if seen is None:
                    return passed, stage
                passed.append(seen)
                self.narrator.passed(seen, len(passed), len(story))
            return passed, None
        finally:
            stop.set()
            thread.join(STOP_TIMEOUT_S)
            self.witness.look_again()
            self.journal.close()

    def _await(self, stage: Stage, agent: subprocess.Popen[bytes]) -> Passed | None:
        deadline = time.monotonic() + stage.within_s
        while True:
            self.journal.read()
            self.changes.tell(self.witness.seen)
            evidence = stage.sight(self.witness.seen)
            if evidence is not None:
                return Passed(stage, time.time(), evidence)
            if time.monotonic() > deadline:
                self.narrator.missing(stage, f"within {stage.within_s:.0f} s")
                return None
            if agent.poll() is not None:
                self.narrator.missing(stage, f"the agent has ended with exit code {agent.returncode}: see agent.log")
                return None
            if (hopeless := _hopeless(self.witness.seen)) and stage.sight(self.witness.seen) is None:
                self.narrator.missing(stage, hopeless)
                return None
            time.sleep(0.2)


def _hopeless(seen: Seen) -> str | None:
    """Why no later stage can be seen any more, before its time is up."""
    if seen.step_state in ("FAILED", "CANCELLED"):
        return f"the step is {seen.step_state}: see steps/*/stderr"
    return None


@contextlib.contextmanager
def _agent(settings: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The agent in a process of its own, started as a user would, and stopped in order."""
    command = [sys.executable, "-m", "agent", "run", "--config", str(settings)]
    environment = {**os.environ, **_CREDENTIALS}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
"""The sandbox asks for a signature, as AWS does, and does not check it."""


def _client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )


def _job_flow(plan: Plan, ground: Ground, ui_port: int, folder: Path) -> Mapping[str, Any]:
    """RunJobFlow with instance fleets: a primary, one core unit on demand, an empty task fleet on spot."""
    command = ground.submit_command(application_settings(plan, ui_port), application_arguments(plan, folder))
    types = [{"InstanceType": plans.INSTANCE_TYPE, "WeightedCapacity": 1}]
    fleets = [
        {"Name": "primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
        {"Name": "core", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
    ]
    step = {
        "Name": "demo application",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": command},
    }
    return {
        "Name": "demo",
        "ReleaseLabel": "emr-7.14.0",
        "Instances": {"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": True, "TerminationProtected": False},
        "Steps": [step],
        "ServiceRole": "EMR_DefaultRole",
        "JobFlowRole": "EMR_EC2_DefaultRole",
    }


def _summary(request: Mapping[str, Any]) -> str:
    fleet = request.get("InstanceFleet", {})
    keys = ("TargetSpotCapacity", "TargetOnDemandCapacity")
    parts = [f"{key}={fleet[key]}" for key in keys if key in fleet]
    return ", ".join(parts) or json.dumps(request, default=str)[:120]


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
