"""What an instance type has, as EC2 describes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from agent.market.asking import pages
from agent.market.facts import Hardware

MOST_FILTER_VALUES = 200
"""In one filter (EC2 API reference, Filter)."""


def describe(client: Any, types: Collection[str]) -> Mapping[str, Hardware]:
    """By type; what is no type in this Region is not among them. Raises Fault."""
    named = sorted(types)
    found = {}
    for begin in range(0, len(named), MOST_FILTER_VALUES):
        # a filter: InstanceTypes would refuse the whole request for one unknown name
        filters = [{"Name": "instance-type", "Values": named[begin : begin + MOST_FILTER_VALUES]}]
        for one in pages(client, "describe_instance_types", "InstanceTypes", Filters=filters):
            memory, cpu = one["MemoryInfo"]["SizeInMiB"], one["VCpuInfo"]["DefaultVCpus"]
            found[str(one["InstanceType"])] = Hardware(int(memory), int(cpu))
    return found
