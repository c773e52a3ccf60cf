"""Settings of what is heard and polled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from agent.settings_base import AUTO, Count, Model, Seconds, WebUrl, WebUrlOrAuto, WebUrlOrNone

Port = Annotated[int, Field(ge=0, le=65535)]


class ListenerSettings(Model):
    """Where Spark's GraphiteSink reports arrive, and the bounds on what may arrive."""

    host: str = Field(
        AUTO,
        description="Address to listen on. `auto`: on a node of EMR its private address, elsewhere 127.0.0.1.",
    )
    port: Port = Field(42003, description="TCP port; 0 lets the system choose and logs the choice.")
    backlog: Count = Field(4096, description="Accept queue asked for; the kernel caps it at `net.core.somaxconn`.")
    max_connections: Count = Field(4096, description="Open connections; past it the oldest one is closed.")
    max_line_bytes: Count = Field(1024, description="A longer line is refused.")
    max_connection_bytes: Count = Field(262_144, description="Bytes of one connection; the rest is read and dropped.")
    max_buffered_bytes: Count = Field(
        33_554_432, description="Bytes of all unfinished connections together; past it the oldest are closed."
    )
    idle_timeout_s: Seconds = Field(15.0, description="A connection that sends nothing for so long is closed.")
    max_applications: Count = Field(200, description="Applications known at once; reports of others are refused.")
    max_executors: Count = Field(20_000, description="Executors, drivers and daemons known at once.")
    max_names_per_source: Count = Field(64, description="Recognised names kept of one source of one executor.")
    report_period_s: Seconds = Field(10.0, description="The period that the Spark side reports with.")


class RestSettings(Model):
    """An HTTP endpoint on the cluster that is polled."""

    url: WebUrlOrNone = Field("", description="Base URL; empty: not polled.")
    period_s: Seconds = Field(10.0, description="Time between polls.")
    timeout_s: Seconds = Field(5.0, description="Time to wait for an answer.")
    other_urls: tuple[WebUrl, ...] = Field(
        (),
        description="With high availability the addresses of the others, asked when `url` is not the active one. "
        "`url` is the one on this node: while its ResourceManager is not active the agent only watches.",
    )
    ca_file: Path | None = Field(
        None, description="For https: PEM file of the authorities to trust instead of the system's."
    )
    verify_tls: bool = Field(True, description="For https: whether the certificate is checked at all.")


class HadoopSettings(RestSettings):
    """A daemon of Hadoop that is polled."""

    url: WebUrlOrAuto = Field(
        AUTO,
        description="Base URL; empty: not polled. `auto`: this one and `other_urls` are read from Hadoop's "
        "configuration on this node, as soon as it is there.",
    )


class KinesisSettings(Model):
    """A Kinesis data stream whose readers' lag is asked of CloudWatch, for rules on `KinesisIteratorAge`."""

    stream: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")] = Field(
        description="Name of the stream, in the Region of the cluster."
    )
    consumer: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")] | None = Field(
        None,
        description="Registered consumer (enhanced fan-out) whose own lag counts. Unset: the greatest age over all "
        "that read the stream by GetRecords.",
    )


class SourcesSettings(Model):
    """What is polled beside what Spark sends."""

    yarn: HadoopSettings = HadoopSettings(period_s=10.0)
    standalone: RestSettings = RestSettings(url="", period_s=10.0)
    hdfs: HadoopSettings = HadoopSettings(period_s=30.0)
    spark: RestSettings = Field(
        RestSettings(url="", period_s=15.0),
        description="Spark's REST API of running applications, for the work that is left in their stages and for why "
        "executors were removed; the URL comes from the cluster manager, `url` here only overrides it.",
    )
    kinesis: tuple[KinesisSettings, ...] = Field((), max_length=100)
    kinesis_period_s: Annotated[float, Field(ge=10)] = Field(
        60.0,
        description="CloudWatch is asked for the lag of all streams so often, and has news once a minute. It bills "
        "each stream each time: 0.44 USD a month a stream at 60 (0.01 USD a thousand, us-east-1).",
    )
    node_period_s: Seconds = Field(10.0, description="Time between readings of this node (psutil).")

    @model_validator(mode="after")
    def _each_stream_once(self) -> SourcesSettings:
        if len(set(self.kinesis)) < len(self.kinesis):
            raise ValueError("kinesis names each stream and consumer once")
        return self

    @model_validator(mode="after")
    def _one_cluster_manager(self) -> SourcesSettings:
        if self.yarn.url not in {"", AUTO} and self.standalone.url:
            raise ValueError("yarn.url and standalone.url are both set: a cluster has one cluster manager")
        return self
