"""What somebody outside asks for: where it comes in, how it is told from what is none of ours, and where it waits."""
