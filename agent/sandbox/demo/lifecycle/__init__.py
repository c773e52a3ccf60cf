"""The demo of the cluster's whole life: three clusters from launch to end, watched from outside the lifecycle."""
