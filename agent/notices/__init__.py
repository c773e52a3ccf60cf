"""What is told to people and programs outside: pure; time is an argument. `agent.sinks.notices` sends it."""
