"""CloudWatch on this machine: alarms that are evaluated, with a history, actions and validated dashboards.

How a test uses it, with a stepped clock (`ManualClock` of `tests/sandbox/emr_world.py`):

    with SandboxServer(clock=clock, tick_s=None, region=REGION) as server:
        boto("cloudwatch", server.endpoint).put_metric_alarm(..., Period=60, AlarmActions=[topic_arn])
        ...                          # boto3 or the agent: put_metric_data, with timestamps of that clock
        clock.now += 60
        server.tick()                # every minute that has passed since the last tick is evaluated, in order

A state that changes writes the alarm's history and publishes CloudWatch's message to the SNS topics of its
actions; SQS queues that are subscribed have it when `tick` returns. A new alarm is INSUFFICIENT_DATA until the
first full minute after it was put. On the real clock (`tick_s` a number, the default) the server's own thread
ticks; `alarm_speed=30` makes a minute of every alarm two seconds long, the data keeping their real times.
`server.cloudwatch.received()` counts requests and distinct metrics by hour; so does, as JSON,
`GET <endpoint>/_sandbox/cloudwatch/received`.
"""
