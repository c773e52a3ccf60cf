"""What a user's own machine does before a cluster exists: build the bundle and publish it.

Never imported by the running agent and not part of the bundle.
"""
