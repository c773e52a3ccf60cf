"""A simulated week of launches, watchers and jobs, with everything going wrong that can, and what is left of it."""
