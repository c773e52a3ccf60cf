"""What capacity costs in the sandbox: a spot market with a history, and the price list."""
