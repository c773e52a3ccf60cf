"""The only package that imports boto3: clients, error codes in sets, and which cluster this node belongs to."""
