"""CloudWatch alarms: from the settings as plain data, compared with what is there, put and deleted."""
