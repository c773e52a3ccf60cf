"""What the whole agent takes: at rest, and with a thousand executors."""
