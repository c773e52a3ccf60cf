"""What a line costs here and in servers that others wrote, all in one run with one load."""
