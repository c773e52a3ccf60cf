"""Runs the demo of the lifecycle: sets it up, watches it from outside, says whether every stage was observed."""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from agent import log, settings_file
from agent.lifecycle.handler import Function
from agent.sandbox import demo_app
from agent.sandbox.demo.ground import CANNOT_STAND
from agent.sandbox.demo.lifecycle import plan as plans
from agent.sandbox.demo.lifecycle import report, stack, stages
from agent.sandbox.demo.lifecycle.hosts import ByType
from agent.sandbox.demo.lifecycle.plan import GUARDED, LANDING, OBJECT, REAL_TYPE, TIMED, Part, Places, Plan
from agent.sandbox.demo.lifecycle.stack import Sweeper, client
from agent.sandbox.demo.lifecycle.stages import READY, Passed, Stage
from agent.sandbox.demo.lifecycle.witness import Seen, Witness
from agent.sandbox.demo.narrator import Narrator
from agent.sandbox.demo.runner import free_ports
from agent.sandbox.emr import Delays, Role, SandboxServer
from agent.sandbox.emr.api import Call
from agent.sandbox.emr.timed_nodes import TimedNodes
from agent.sandbox.spark import conf
from agent.sandbox.spark.nodes import SparkNodes
from agent.sandbox.spark.standalone import StandaloneCluster
from agent.settings_sources import RestSettings, SourcesSettings

STOP_TIMEOUT_S = 30.0
VERB_TIMEOUT_S = 60.0
LOG_BYTES = 2**23
CHANGES = frozenset({"RunJobFlow", "SetTerminationProtection", "TerminateJobFlows"})
Errand = tuple[Callable[[], bool], Callable[[], None]]
"""When it is to be run, and what it does."""
DELAYS = Delays(provision_s=1.0, bootstrap_s=1.0, decommission_s=1.0, terminate_s=1.0)


class VerbFailed(Exception):
    """A verb of ours did not do what the demo needs; the text is what it said."""


CANNOT_RUN: tuple[type[Exception], ...] = (*CANNOT_STAND, VerbFailed)
"""The text says what to do."""


@dataclass(frozen=True, slots=True)
class Ending:
    passed: Sequence[Passed]
    missing: Stage | None
    """The stage that was not observed; None when all were."""
    page: Path
    saved: str | None
    """What stood in for the part that was taken away."""


def run(plan: Plan, folder: Path, console: Console) -> Ending:
    """The whole demo. Afterwards nothing of it runs any more, and `folder` holds what it left behind.

    Raises JavaMissing, SparkMissing or SparkFailed when there is no Spark, VerbFailed when a verb fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    began = time.time()
    narrator = Narrator(console, began)
    narrator.say("set-up", "starting a Spark master")
    seen = Seen()
    with StandaloneCluster(folder / "spark") as spark, _logged(folder / "function.log"):
        narrator.say("set-up", f"Spark {spark.spark.version} on Java {spark.java.version}, master {spark.web_ui}")
        workers = SparkNodes(spark, memory_mb_per_unit=plan.unit_memory_mb)
        server = SandboxServer(
            host=ByType({REAL_TYPE: workers}, TimedNodes(DELAYS, time.time)),
            delays=DELAYS,
            folder=folder,
            step_env=spark.submit_environment(),
            region=stack.REGION,
            on_call=lambda call: _heard(call, seen, narrator),
        )
        with server:
            places = stack.build(plan, server.endpoint)
            narrator.say("set-up", f"EMR sandbox at {server.endpoint}; table, queue and bucket {places.table}")
            try:
                return _Demo(plan, folder, places, narrator, seen, spark, server, began).run()
            finally:
                stack.forget(places)


@dataclass(frozen=True, slots=True)
class Child:
    """A process that runs beside the story."""

    process: subprocess.Popen[bytes]
    file: Path
    """What it says."""

    @property
    def said(self) -> str:
        lines = self.file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


@dataclass(slots=True)
class _Demo:
    plan: Plan
    folder: Path
    places: Places
    narrator: Narrator
    seen: Seen
    spark: StandaloneCluster
    server: SandboxServer
    began: float
    children: list[Child] = field(default_factory=list)
    verbs: dict[str, Child] = field(default_factory=dict)
    """Those of them that end by themselves and have not, by what was asked."""
    agent: Child | None = None

    def run(self) -> Ending:
        self._put_profiles()
        if self.plan.without is not None:
            self.narrator.say("set-up", f"taken away: {plans.TAKEN[self.plan.without]}")
        story = stages.story(self.plan, self.places)
        result = self.folder / "result.json"
        witness = Witness(self.places, self.spark.web_ui, result, self.seen)
        sweeper = Sweeper(self.plan, self.places, self._sweep_rests)
        sweeps = contextlib.nullcontext() if self.plan.without is Part.SWEEP else sweeper
        try:
            with stack.function(self.plan, self.places) as function, sweeps, _watching(witness):
                self._begin()
                passed, missing = self._follow(story)
        finally:
            self._end_children()
        self.seen.sweeps = len(sweeper.sent)
        saved = None if missing else stages.saved(self.plan, self.seen)
        return Ending(passed, missing, self._report(story, passed, saved, function), saved)

    # what people and pipelines do

    def _put_profiles(self) -> None:
        application = {
            **conf.SMALL_APPLICATION,
            "spark.executor.memory": f"{self.plan.executor_memory_mb}m",
            "spark.ui.enabled": "false",
        }
        arguments = ["--result", str(self.folder / "result.json"), *self.plan.job_arguments]
        submit = self.spark.submit_command(Path(demo_app.__file__), arguments, application)
        file = self.folder / "profiles.toml"
        file.write_text(plans.profiles(self.plan, self.places.bucket, submit), encoding="utf-8")
        self.narrator.say("set-up", f"tidemark profile put {file.name}: {self._verb('profile', 'put', str(file))}")

    def _begin(self) -> None:
        client("s3", self.places.endpoint_url).put_object(Bucket=self.places.bucket, Key=OBJECT, Body=b"")
        self.narrator.say("signal", f"s3://{self.places.bucket}/{OBJECT} has arrived")
        limit = f"{self.plan.terminate_after_s}s"
        for profile, *more in ((TIMED, "--terminate-after", limit), (GUARDED,)):
            self._ask("launch", profile, "--owner", "demo", *more)

    def _verb(self, *arguments: str) -> str:
        """What it said last. Raises VerbFailed."""
        done = subprocess.run(
            self._command(*arguments),
            capture_output=True,
            text=True,
            env=stack.environment(),
            timeout=VERB_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise VerbFailed(f"tidemark {' '.join(arguments)}: {done.stderr or done.stdout}")
        return ", ".join(done.stdout.strip().splitlines())

    def _command(self, *arguments: str) -> list[str]:
        places = self.places
        group, verb, *more = arguments
        where = ["--table", places.table, "--queue-url", places.queue_url, "--region", places.region]
        return [sys.executable, "-m", "agent", group, verb, *where, "--endpoint-url", places.endpoint_url, *more]

    # what is done when something has been seen

    def _errands(self) -> dict[str, Errand]:
        """Each is run once, when its condition is met."""
        seen = self.seen
        found: dict[str, Errand] = {
            "waiter": (lambda: LANDING in seen.lives, self._start_waiter),
            "agent": (lambda: seen.life(LANDING).emr_state in READY, self._start_agent),
            "loss": (lambda: seen.life(GUARDED).is_in(READY), self._lose_core),
        }
        if self.plan.without is not Part.OWNER:
            found["done"] = (self._job_is_done, self._say_done)
        return found

    def _job_is_done(self) -> bool:
        steps = self.seen.steps
        heard = len(self.seen.life(LANDING).beats) >= stages.BEATS
        return heard and bool(steps) and all(state == "COMPLETED" for _, state in steps)

    def _say_done(self) -> None:
        owner = f"s3://{self.places.bucket}/{OBJECT}"
        sns = client("sns", self.places.endpoint_url)
        self.seen.done_said_at = time.time()
        sns.publish(TopicArn=self.places.owner_topic_arn, Message=json.dumps({"owner": owner, "event": "done"}))
        self.narrator.say("signal", f"SNS is told that {owner} is done")

    def _lose_core(self) -> None:
        self.seen.lost_at = time.time()
        self.server.lose(self.seen.life(GUARDED).cluster_id, Role.CORE)
        self.narrator.say("signal", f"EC2 takes the core nodes of {self.seen.life(GUARDED).cluster_id}")

    def _start_agent(self) -> None:
        """As a bootstrap action would on the cluster's primary."""
        polls = RestSettings(url=self.spark.web_ui, period_s=1.0)
        sources = SourcesSettings(standalone=polls, spark=RestSettings(period_s=1.0), node_period_s=2.0)
        used = plans.lifecycle(self.plan, self.places)
        first, second = free_ports(2)
        cluster_id = self.seen.life(LANDING).cluster_id
        settings = plans.agent(self.places, used, cluster_id, sources, self.folder, (first, second))
        file = self.folder / "tidemark.toml"
        file.write_text(settings_file.render(settings), encoding="utf-8")
        self.agent = self._spawn("agent", [sys.executable, "-m", "agent", "run", "--config", str(file)])
        self.narrator.say("set-up", f"tidemark run --config {file.name} beside {cluster_id}")

    def _start_waiter(self) -> None:
        self._ask("wait", "--every", "1s", self.seen.life(LANDING).cluster_id)

    def _ask(self, verb: str, *arguments: str) -> None:
        """Start a verb of `tidemark cluster`, which ends by itself."""
        name = " ".join(["tidemark cluster", verb, *arguments])
        self.narrator.say("signal", name)
        self.verbs[name] = self._spawn(f"{verb}-{len(self.verbs)}", self._command("cluster", verb, *arguments))

    def _spawn(self, name: str, command: Sequence[str]) -> Child:
        file = self.folder / f"{name}.log"
        with file.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=stack.environment()
            )
        child = Child(process, file)
        self.children.append(child)
        return child

    def _end_children(self) -> None:
        for child in self.children:
            child.process.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def _sweep_rests(self, now: float) -> bool:
        """Around the deadline, so that whoever acts on it is not the sweep."""
        deadline = self.seen.life(TIMED).row.get("terminate_at")
        if deadline is None:
            return False
        return -self.plan.sweep_every_s < now - float(deadline) < self.plan.grace_s

    # what is watched

    def _follow(self, story: Sequence[Stage]) -> tuple[list[Passed], Stage | None]:
        """The stages that were passed, and the first one of the story that was not seen in its time. Three lives go on
        at once: what comes earlier than in the story counts when it comes."""
        passed: dict[str, Passed] = {}
        errands, teller = self._errands(), _Teller(self.narrator)
        for stage in story:
            deadline = time.monotonic() + stage.within_s
            while stage.name not in passed:
                teller.tell(self.seen)
                self._look(story, passed)
                self._run_errands(errands)
                why = None if stage.name in passed else self._hopeless(stage, deadline)
                if why is not None:
                    self.narrator.say("failed", f"not observed: {stage.name} ({why})")
                    return list(passed.values()), stage
                time.sleep(0.2)
        return list(passed.values()), None

    def _look(self, story: Sequence[Stage], passed: dict[str, Passed]) -> None:
        for number, stage in enumerate(story, 1):
            if stage.name not in passed and (evidence := stage.sight(self.seen)) is not None:
                passed[stage.name] = Passed(stage, time.time(), evidence)
                self.narrator.say("stage", f"{number}/{len(story)} {stage.name}: {evidence}")

    def _run_errands(self, errands: dict[str, Errand]) -> None:
        for name in [name for name, (due, _) in errands.items() if due()]:
            errands.pop(name)[1]()
        for name in [name for name, child in self.verbs.items() if child.process.poll() is not None]:
            self._has_ended(name, self.verbs.pop(name))

    def _has_ended(self, name: str, verb: Child) -> None:
        """Raises VerbFailed for one that should have launched something."""
        self.narrator.say("signal", f"{name}: {verb.said}")
        if " wait " in name:
            self.seen.waiter = (verb.process.returncode, verb.said)
        elif verb.process.returncode != 0:
            raise VerbFailed(f"{name}: {verb.said}")

    def _hopeless(self, stage: Stage, deadline: float) -> str | None:
        """Why the stage cannot be seen any more; None while it can."""
        if time.monotonic() > deadline:
            left = f"; {stages.what_is_left(self.seen)}" if stage.sight is stages.nothing_is_left else ""
            return f"within {stage.within_s:.0f} s{left}"
        failed = [name for name, state in self.seen.steps if state in {"FAILED", "CANCELLED"}]
        if failed and stage.name == stages.STEPS:
            return f"step {failed[0]} did not complete: see steps/*/stderr"
        if self.agent is not None and stage.name == stages.AGENT and self.agent.process.poll() is not None:
            return f"the agent has ended with exit code {self.agent.process.returncode}: see agent.log"
        return None

    def _report(self, story: Sequence[Stage], passed: Sequence[Passed], saved: str | None, function: Function) -> Path:
        page = self.folder / "report.html"
        without = self.plan.without
        report.write(
            report.Report(
                began=self.began,
                stages=story,
                passed=passed,
                seen=self.seen,
                without=None if without is None else plans.TAKEN[without],
                saved=saved,
                differences=plans.differences(self.plan, plans.lifecycle(self.plan, self.places)),
                calls=sorted(Counter(call.operation for call in self.seen.calls).items()),
                counts=sorted(function.counts().items()),
                files=sorted(path.name for path in self.folder.iterdir() if path.is_file() and path != page),
            ),
            page,
        )
        return page


class _Teller:
    """Says what has changed."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self._told: dict[tuple[str, str], int] = {}

    def tell(self, seen: Seen) -> None:
        for profile, life in list(seen.lives.items()):
            for who, changes in (("EMR", life.emr), ("table", life.table)):
                for at, state in changes[self._told.get((profile, who), 0) :]:
                    self._narrator.say(who if who == "table" else "AWS", f"{profile} is {state} to {_WHOM[who]}", at)
                self._told[profile, who] = len(changes)


_WHOM: Mapping[str, str] = {"EMR": "EMR", "table": "the table"}


def _heard(call: Call, seen: Seen, narrator: Narrator) -> None:
    seen.calls.append(call)
    if call.operation in CHANGES:
        what = call.request.get("Name") or ", ".join(call.request.get("JobFlowIds", ()))
        narrator.say("AWS", f"{call.operation} {what}{f': {call.error}' if call.error else ''}", call.at)


@contextlib.contextmanager
def _watching(witness: Witness) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=witness.run, args=(stop,), name="witness", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_TIMEOUT_S)


@contextlib.contextmanager
def _logged(file: Path) -> Iterator[None]:
    """What the function logs goes to a file, and not between the narrator's lines."""
    root = logging.getLogger()
    before, level = list(root.handlers), log.LOGGER.level
    log.keep_in(file, max_bytes=LOG_BYTES, files=1)
    log.LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.LOGGER.setLevel(level)
        for handler in [one for one in root.handlers if one not in before]:
            root.removeHandler(handler)
            handler.close()
