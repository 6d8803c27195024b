"""Shared by every test."""

from hypothesis import settings

# The same examples on every run, and no deadline: a busy machine is not a failure.
settings.register_profile("bayescamel", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("bayescamel")
