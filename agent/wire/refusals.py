"""What happened to everything that arrived at the line-in, by counter name, each with its meaning in one place.

A name with a dot is one reason of the counter before it: `LinesRejected.too_long` counts for `LinesRejected`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REPORTS_RECEIVED = "ReportsReceived"
LINES_RECEIVED = "LinesReceived"
LINES_IGNORED = "LinesIgnored"
TIMESTAMPS_REPLACED = "TimestampsReplaced"

MALFORMED = "LinesRejected.malformed"
TOO_LONG = "LinesRejected.too_long"
NOT_UTF8 = "LinesRejected.not_utf8"
BAD_NAME = "LinesRejected.bad_name"
BAD_NUMBER = "LinesRejected.bad_number"
BAD_TIMESTAMP = "LinesRejected.bad_timestamp"
NOT_FINITE = "LinesRejected.not_finite"
TRUNCATED = "LinesRejected.truncated"
UNKNOWN_NAME = "LinesRejected.unknown_name"
NO_IDENTITY = "LinesRejected.no_identity"
TOO_MANY_NAMES = "LinesRejected.too_many_names"
SKIPPED = "LinesRejected.skipped"
REPORT_REJECTED = "LinesRejected.report"

OUT_OF_ORDER = "ReportsRejected.out_of_order"
TOO_MANY_APPLICATIONS = "ReportsRejected.too_many_applications"
APPLICATIONS_DISPLACED = "ApplicationsDisplaced"
TOO_MANY_EXECUTORS = "ReportsRejected.too_many_executors"
TOO_MANY_VALUES = "ReportsRejected.too_many_values"

CONNECTIONS_ACCEPTED = "Connections"
CONNECTIONS_EMPTY = "ConnectionsEmpty"
IDLE = "ConnectionsRejected.idle"
DISPLACED = "ConnectionsRejected.displaced"
BROKEN = "ConnectionsRejected.broken"
NO_DESCRIPTOR = "ConnectionsRejected.no_descriptor"
ACCEPT_FAILED = "ConnectionsRejected.accept_failed"
OVER_CONNECTION_LIMIT = "BytesDiscarded.connection_limit"
OVER_BUFFER_LIMIT = "BytesDiscarded.buffer_limit"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        REPORTS_RECEIVED: "Connections that sent at least one byte and were read to their end.",
        LINES_RECEIVED: "Lines of those reports, whatever became of them.",
        LINES_IGNORED: "Lines with a name that is known and not wanted (histograms, code generation, ...).",
        TIMESTAMPS_REPLACED: "Reports whose own time was more than 120 s off; their arrival counts instead.",
        MALFORMED: "Not exactly three fields.",
        TOO_LONG: "Longer than `listener.max_line_bytes`.",
        NOT_UTF8: "The name is not UTF-8.",
        BAD_NAME: "The name holds control characters.",
        BAD_NUMBER: "The value is not a number.",
        BAD_TIMESTAMP: "The time is not a whole number of seconds.",
        NOT_FINITE: "A wanted value is NaN or infinite.",
        TRUNCATED: "A last line without its line feed.",
        UNKNOWN_NAME: "No source or metric of Spark's by that name is known.",
        NO_IDENTITY: "A name without application and executor, from a connection that is no master's or worker's.",
        TOO_MANY_NAMES: "Past `listener.max_names_per_source`, or past the distinct names that the table can hold.",
        SKIPPED: "The rest of a report in which too many lines were refused or unknown.",
        REPORT_REJECTED: "Wanted lines of a report that was refused as a whole, for a reason of `ReportsRejected`.",
        OUT_OF_ORDER: "Older by the sender's clock than the last one of the same executor.",
        TOO_MANY_APPLICATIONS: "Past `listener.max_applications`.",
        APPLICATIONS_DISPLACED: "Applications that the cluster manager does not list, forgotten for one that it lists.",
        TOO_MANY_EXECUTORS: "Past `listener.max_executors`.",
        TOO_MANY_VALUES: "Past twice `max_names_per_source` for each of `max_executors`, all values together.",
        CONNECTIONS_ACCEPTED: "Connections that were accepted.",
        CONNECTIONS_EMPTY: "Connections that sent nothing: a JVM whose metrics are all filtered out, or a stop.",
        IDLE: "Connections closed after `listener.idle_timeout_s` without a byte; what they had sent is used.",
        DISPLACED: "Oldest connections closed to make room for others; what they had sent is dropped.",
        BROKEN: "Connections reset by their sender; what they had sent is used.",
        NO_DESCRIPTOR: "Connections closed at once because no file descriptor could be had otherwise.",
        ACCEPT_FAILED: "Connections that the system could not hand over.",
        OVER_CONNECTION_LIMIT: "Bytes past `listener.max_connection_bytes` of one connection.",
        OVER_BUFFER_LIMIT: "Bytes of one connection that filled `listener.max_buffered_bytes` by itself.",
    }
)
