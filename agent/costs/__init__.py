"""What watching a cluster costs, and its task capacity, reckoned from the settings. Pure."""
