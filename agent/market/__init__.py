"""What capacity costs and what executors get for it: asked of EC2 and the price list, computed without I/O."""
