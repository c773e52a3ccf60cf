"""What a healthy, dead, frozen or cut-off agent costs a Spark job in time."""
