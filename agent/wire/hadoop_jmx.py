"""The NameNode's JMX over HTTP: how much is being read and written, and by how many DataNodes."""

from __future__ import annotations

from agent.domain.readings import HdfsReading
from agent.wire.json_fields import Field, Malformed, count, member, read, text

FSNAMESYSTEM = "Hadoop:service=NameNode,name=FSNamesystem"
STATUS = "Hadoop:service=NameNode,name=NameNodeStatus"
PATH = f"/jmx?qry={FSNAMESYSTEM}"

NOT_ACTIVE = "jmx: not active"

_FSNAMESYSTEM = (
    Field("TotalLoad", "total_load", count),
    Field("NumLiveDataNodes", "live_data_nodes", count),
    Field("tag.HAState", "ha_state", text, required=False),
)


def hdfs(value: object, at: float) -> HdfsReading | Malformed:
    """`/jmx?qry=...FSNamesystem`. A standby or observer has figures of its own, which are not the cluster's: refused.

    A NameNode without high availability says `active` or nothing (Hadoop's `FSNamesystem` metrics). Where the answer
    has the NameNode's status beside, its `State` counts too.
    """
    beans = member(value, "beans")
    if not isinstance(beans, list):
        return Malformed("jmx: no beans")
    bean = next((bean for bean in beans if member(bean, "name") == FSNAMESYSTEM), None)
    found = read(bean, _FSNAMESYSTEM, "jmx")
    if isinstance(found, Malformed):
        return found
    status = next((bean for bean in beans if member(bean, "name") == STATUS), None)
    states = (found.pop("ha_state"), text(member(status, "State")))
    if any(state is not None and state.lower() != "active" for state in states):
        return Malformed(NOT_ACTIVE)
    return HdfsReading(at=at, **found)
