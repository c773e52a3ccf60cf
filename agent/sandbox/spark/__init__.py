"""A real standalone Spark whose workers are processes of this machine."""
