"""`tidemark doctor`: looks at everything that the agent needs, changes nothing, and says what to do."""
