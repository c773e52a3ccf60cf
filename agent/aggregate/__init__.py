"""Memory: the bounded table of last values, its roll-up and the signals made of it."""
