"""Step Functions on this machine: moto's engine, and around it what it lacks."""
