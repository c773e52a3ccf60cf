"""Checks that ask AWS: endpoints, clock, credentials, rights, and who else acts on this cluster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from agent.actuators import ACTUATORS
from agent.actuators.cluster import DEADLINE_TAG, ClusterView
from agent.aws.clients import Clients
from agent.aws.emr_calls import EmrClients
from agent.aws.errors import AWS_ERRORS, is_denied, reason
from agent.doctor import attempts, endpoints, queue
from agent.doctor.findings import Check, Finding, fail, ok, skip, warn
from agent.doctor.ground import Ground, clients
from agent.domain.faults import Fault
from agent.notices.route import topic
from agent.settings import Settings

UNUSABLE = "the AWS configuration cannot be used: look at AWS_PROFILE and ~/.aws, on a node neither is needed"
NO_REGION = "neither the settings (aws.region), nor this node, nor the AWS configuration tell the Region"


def checks(ground: Ground, settings: Settings, clock: Callable[[], float]) -> tuple[Check, ...]:
    try:
        made = clients(settings, ground.identity)
    except AWS_ERRORS as error:
        return (Check("credentials", partial(fail, str(error), UNUSABLE)),)
    if made.region is None:
        return (Check("region", lambda: fail(NO_REGION, "set aws.region")),)
    cluster_id = ground.cluster_id
    rights = (
        Check(f"right {right.action}", partial(attempts.attempted, right, settings, made, cluster_id))
        for right in attempts.needed()
    )
    watched = (
        ("cluster", partial(cluster, made, clock)),
        ("auto-termination", partial(auto_termination, made)),
        ("task capacity", partial(task_capacity, made, settings, clock)),
    )
    unknown = lambda _: skip("the cluster is not known")  # noqa: E731
    return (
        *_endpoints(settings, made, made.region),
        Check("clock", lambda: endpoints.clock(_url(made, "emr"))),
        Check("credentials", partial(credentials, made)),
        *rights,
        Check("alarms' queue", partial(queue.senders, made, settings)),
        *(Check(name, partial(look if cluster_id is not None else unknown, cluster_id)) for name, look in watched),
    )


def _endpoints(settings: Settings, made: Clients, region: str) -> tuple[Check, ...]:
    wanted = [("emr", "elasticmapreduce", True)]
    if settings.sinks.cloudwatch.enabled:
        wanted.append(("cloudwatch", "monitoring", True))
    if topic(settings) is not None:
        wanted.append(("sns", "sns", True))
    if settings.actions.queue_url is not None:
        wanted.append(("sqs", "sqs", False))
    if settings.lifecycle.table:
        # without it the agent acts alone, and ends an idle cluster later
        wanted.append(("dynamodb", "dynamodb", False))
    if settings.wants_prices:
        # without them the agent goes on, and does not grow
        wanted += [("ec2", "ec2", False), ("pricing", "pricing.api", False)]
    # only the doctor asks it: credentials of an instance profile come from the node's metadata
    wanted.append(("sts", "sts", False))

    def look(client: str, service: str, needed: bool) -> Finding:
        found = endpoints.reach(_url(made, client), service, region, needed=needed)
        if client == "pricing" and found.advice:
            # it is in another Region, where no endpoint of this VPC leads
            return Finding(found.status, found.seen, "name the prices in prices.on_demand_usd_per_hour")
        return found

    return tuple(Check(f"endpoint {service}", partial(look, client, service, need)) for client, service, need in wanted)


def _url(made: Clients, service: str) -> str:
    return str(getattr(made, service).meta.endpoint_url)


def credentials(made: Clients) -> Finding:
    source = made.credentials_from()
    if source is None:
        return fail(
            "none found",
            "give the cluster an instance profile (EC2 role); on runtime-role clusters this user may not reach the "
            "metadata service (IMDSv2)",
        )
    try:
        who = made.sts.get_caller_identity()
    except AWS_ERRORS as error:
        if reason(error) in {"unreachable", "throttled", "unavailable"}:
            return ok(f"from {source}; who that is cannot be asked ({reason(error)})")
        return fail(f"from {source}: {error}", "they are not accepted: look at the role and at the clock")
    return ok(f"{who['Arn']}, from {source}")


def cluster(made: Clients, clock: Callable[[], float], cluster_id: str) -> Finding:
    """Its state, and whether somebody else scales it."""
    try:
        found = ClusterView(made.emr, cluster_id, clock).read()
    except Fault as fault:
        return fail(f"{cluster_id}: {fault}", "without this the agent only collects metrics")
    seen = f"{found.id} ({found.name}) is {found.state}, {found.collection.lower().replace('_', ' ')}s"
    if found.foreign_scaler is not None:
        return fail(
            f"{seen}, with a {found.foreign_scaler}",
            "two scalers undo each other, so the agent only observes: remove one of the two",
        )
    if found.ending:
        return warn(seen, "the cluster is ending")
    if found.terminate_at is not None:
        due = datetime.fromtimestamp(found.terminate_at, UTC)
        seen += f"; its tag {DEADLINE_TAG} ends it at {due:%Y-%m-%d %H:%M:%S} UTC"
    if found.termination_protected:
        return ok(f"{seen}; termination protection is on, so the agent will not end it")
    return ok(seen)


def auto_termination(made: Clients, cluster_id: str) -> Finding:
    """EMR's own, beside the agent's idle watchdog."""
    try:
        policy = made.emr.get_auto_termination_policy(ClusterId=cluster_id).get("AutoTerminationPolicy")
    except AWS_ERRORS as error:
        return skip("not allowed to look" if is_denied(error) else f"not known: {reason(error)}")
    if not policy:
        return ok("EMR's own is not set")
    return warn(
        f"EMR ends the cluster by itself after {policy.get('IdleTimeout', '?')} idle seconds",
        "it knows nothing of what the agent knows: remove it, or know that the earlier of the two ends the cluster",
    )


def task_capacity(made: Clients, settings: Settings, clock: Callable[[], float], cluster_id: str) -> Finding:
    try:
        emr = EmrClients(made.emr, made.emr_once)
        fleet = ACTUATORS[settings.fleet.actuator](emr, cluster_id, settings.fleet, clock).fleet_reader.read()
    except Fault as fault:
        return fail(str(fault), "without this nothing is resized")
    kind = fleet.collection.lower().replace("_", " ")
    if fleet.id is None:
        if settings.fleet.instance_types:
            return ok(f"no task {kind}; the first scale out adds one")
        return warn(f"no task {kind}", "launch the cluster with one, or name fleet.instance_types for one to be added")
    seen = f"{kind} {fleet.id} is {fleet.state}: {fleet.provisioned} of {fleet.target} units"
    if fleet.target > settings.fleet.max_capacity_units:
        return warn(seen, f"the target is above fleet.max_capacity_units = {settings.fleet.max_capacity_units}")
    return ok(seen)
