"""`python -m agent`: the same as the command `tidemark`."""

from agent.cli import main

main(prog_name="tidemark")
