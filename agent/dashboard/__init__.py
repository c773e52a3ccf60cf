"""A CloudWatch dashboard of one cluster, or of all clusters of a name: a pure body, and thin calls around it."""
