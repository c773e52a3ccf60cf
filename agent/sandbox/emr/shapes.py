"""The model's objects in the shapes of EMR's answers, ready for JSON: timestamps are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.sandbox.emr.clusters import Cluster
from agent.sandbox.emr.fleets import Fleet
from agent.sandbox.emr.groups import Group
from agent.sandbox.emr.instances import Instance
from agent.sandbox.emr.pools import Pool
from agent.sandbox.emr.states import InstanceState, Market
from agent.sandbox.emr.steps import Step

Shape = dict[str, Any]


def fleet(pool: Fleet) -> Shape:
    return _present(
        Id=pool.id,
        Name=pool.config.get("Name"),
        Status=_status(pool.state, pool.reason, pool),
        InstanceFleetType=pool.role,
        TargetOnDemandCapacity=pool.wanted(Market.ON_DEMAND),
        TargetSpotCapacity=pool.wanted(Market.SPOT),
        ProvisionedOnDemandCapacity=pool.provisioned(Market.ON_DEMAND),
        ProvisionedSpotCapacity=pool.provisioned(Market.SPOT),
        InstanceTypeSpecifications=[_type(config) for config in pool.types],
        LaunchSpecifications=pool.config.get("LaunchSpecifications"),
        ResizeSpecifications=pool.resize_specifications or None,
        Context=pool.config.get("Context"),
    )


def group(pool: Group) -> Shape:
    running = [i for i in pool.live if i.state is InstanceState.RUNNING]
    return _present(
        Id=pool.id,
        Name=pool.config.get("Name"),
        Market=pool.market,
        InstanceGroupType=pool.role,
        BidPrice=pool.config.get("BidPrice"),
        InstanceType=pool.config["InstanceType"],
        RequestedInstanceCount=pool.requested,
        RunningInstanceCount=len(running),
        Status=_status(pool.state, pool.reason, pool),
        Configurations=[],
        EbsBlockDevices=[],
        ShrinkPolicy=pool.shrink_policy,
        AutoScalingPolicy=None if pool.auto_scaling_policy is None else scaling_policy(pool),
    )


def scaling_policy(pool: Group) -> Shape:
    """AutoScalingPolicyDescription of a group that has one."""
    return {"Status": {"State": "ATTACHED", "StateChangeReason": {"Message": ""}}, **(pool.auto_scaling_policy or {})}


def instance(pool: Pool, item: Instance, region: str) -> Shape:
    key = "InstanceFleetId" if isinstance(pool, Fleet) else "InstanceGroupId"
    return _present(
        Id=item.machine.id,
        Ec2InstanceId=item.machine.ec2_id,
        PublicDnsName="",
        PrivateDnsName=private_dns_name(item, region),
        PrivateIpAddress=item.address,
        Status=_status(item.state, item.reason, item),
        Market=item.machine.market,
        InstanceType=item.machine.instance_type,
        EbsVolumes=[],
    ) | {key: pool.id}


def private_dns_name(item: Instance, region: str) -> str | None:
    """`ip-10-0-0-1.eu-west-1.compute.internal` for an address; a host name is its own."""
    if item.address is None:
        return None
    if not item.address.replace(".", "").isdigit():
        return item.address
    suffix = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{item.address.replace('.', '-')}.{suffix}"


def cluster_summary(item: Cluster, arn: str) -> Shape:
    return {
        "Id": item.id,
        "Name": item.request["Name"],
        "Status": _status(item.state, item.reason, item) | _present(ErrorDetails=item.error_details or None),
        "NormalizedInstanceHours": 0,
        "ClusterArn": arn,
    }


def cluster(item: Cluster, arn: str, region: str) -> Shape:
    request, instances = item.request, item.request["Instances"]
    return cluster_summary(item, arn) | _present(
        Ec2InstanceAttributes=_present(
            Ec2KeyName=instances.get("Ec2KeyName"),
            Ec2SubnetId=item.subnet,
            RequestedEc2SubnetIds=list(item.subnets),
            Ec2AvailabilityZone=item.zone,
            IamInstanceProfile=request.get("JobFlowRole"),
        ),
        InstanceCollectionType="INSTANCE_FLEET" if item.uses_fleets else "INSTANCE_GROUP",
        LogUri=request.get("LogUri"),
        ReleaseLabel=request.get("ReleaseLabel"),
        AutoTerminate=not item.keep_alive,
        TerminationProtected=item.protected,
        UnhealthyNodeReplacement=item.unhealthy_node_replacement,
        VisibleToAllUsers=item.visible,
        Applications=[_present(Name=a.get("Name"), Version=a.get("Version")) for a in request.get("Applications", ())],
        Tags=[{"Key": key, "Value": value} for key, value in item.tags.items()],
        ServiceRole=request.get("ServiceRole"),
        MasterPublicDnsName=None if item.primary is None else private_dns_name(item.primary, region),
        Configurations=request.get("Configurations", []),
        SecurityConfiguration=request.get("SecurityConfiguration"),
        AutoScalingRole=request.get("AutoScalingRole"),
        ScaleDownBehavior=request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        StepConcurrencyLevel=item.steps.concurrency,
    )


def step(item: Step, log: str) -> Shape:
    """`log` is where a failed step's output can be read."""
    failure = None if item.failure is None else {"Reason": "Unknown Error.", "Message": item.failure, "LogFile": log}
    timeline = _timeline(CreationDateTime=item.created_at, StartDateTime=item.started_at, EndDateTime=item.ended_at)
    return {
        "Id": item.id,
        "Name": item.config["Name"],
        "Config": _present(
            Jar=item.jar["Jar"],
            Properties={p["Key"]: p.get("Value", "") for p in item.jar.get("Properties", ())},
            MainClass=item.jar.get("MainClass"),
            Args=list(item.jar.get("Args", ())),
        ),
        "ActionOnFailure": item.action_on_failure,
        "Status": _present(State=item.state, StateChangeReason={}, FailureDetails=failure, Timeline=timeline),
    }


def _type(config: Mapping[str, Any]) -> Shape:
    kept = ("InstanceType", "BidPrice", "BidPriceAsPercentageOfOnDemandPrice", "Configurations", "CustomAmiId")
    specification = {key: config[key] for key in (*kept, "Priority") if key in config}
    if "BidPrice" not in specification:
        specification.setdefault("BidPriceAsPercentageOfOnDemandPrice", 100.0)
    return specification | {"WeightedCapacity": config.get("WeightedCapacity", 1), "EbsBlockDevices": []}


def _status(state: str, reason: tuple[str, str] | None, item: Pool | Instance | Cluster) -> Shape:
    return {
        "State": state,
        "StateChangeReason": {} if reason is None else {"Code": reason[0], "Message": reason[1]},
        "Timeline": _timeline(CreationDateTime=item.created_at, ReadyDateTime=item.ready_at, EndDateTime=item.ended_at),
    }


def _timeline(**times: float | None) -> Shape:
    return {name: round(at, 3) for name, at in times.items() if at is not None}


def _present(**members: Any) -> Shape:
    return {name: value for name, value in members.items() if value is not None}
