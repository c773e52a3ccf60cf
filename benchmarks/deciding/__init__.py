"""Policies on whole traces: each family tuned on one, scored on the other, at equal mean delay."""
