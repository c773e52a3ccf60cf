"""CloudWatch's quotas of requests: per account and Region."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sandbox.throttle import Quota

CLOUDWATCH_QUOTAS: Mapping[str, Quota] = {
    "DeleteAlarms": Quota(3, 3),
    "DescribeAlarmHistory": Quota(20, 20),
    "DescribeAlarms": Quota(9, 9),
    "DisableAlarmActions": Quota(3, 3),
    "EnableAlarmActions": Quota(3, 3),
    "GetDashboard": Quota(10, 10),
    "GetMetricData": Quota(50, 50),
    "GetMetricStatistics": Quota(400, 400),
    "ListDashboards": Quota(10, 10),
    "ListMetrics": Quota(25, 25),
    "PutCompositeAlarm": Quota(3, 3),
    "PutDashboard": Quota(10, 10),
    "PutMetricAlarm": Quota(3, 3),
    "PutMetricData": Quota(500, 500),
    "SetAlarmState": Quota(3, 3),
}
"""The defaults of "CloudWatch service quotas" in the user guide."""
