"""The NameNode's JMX over HTTP: how much is being read and written, and by how many DataNodes."""

from __future__ import annotations

from agent.domain.readings import HdfsReading
from agent.wire.json_fields import Field, Malformed, count, member, read, text

FSNAMESYSTEM = "Hadoop:service=NameNode,name=FSNamesystem"
PATH = f"/jmx?qry={FSNAMESYSTEM}"

_FSNAMESYSTEM = (
    Field("TotalLoad", "total_load", count),
    Field("NumLiveDataNodes", "live_data_nodes", count),
    Field("tag.HAState", "ha_state", text, required=False),
)


def hdfs(value: object, at: float) -> HdfsReading | Malformed:
    """`/jmx?qry=...FSNamesystem`. A standby NameNode has figures of its own, which are not the cluster's: refused.

    A NameNode without high availability says `active` or nothing (Hadoop's `FSNamesystem` metrics).
    """
    beans = member(value, "beans")
    if not isinstance(beans, list):
        return Malformed("jmx: no beans")
    bean = next((bean for bean in beans if member(bean, "name") == FSNAMESYSTEM), None)
    found = read(bean, _FSNAMESYSTEM, "jmx")
    if isinstance(found, Malformed):
        return found
    if (found.pop("ha_state") or "active") != "active":
        return Malformed("jmx: not active")
    return HdfsReading(at=at, **found)
