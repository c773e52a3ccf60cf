"""EventBridge on this machine: what AWS's services publish on the default bus of moto, and schedules that fire."""
