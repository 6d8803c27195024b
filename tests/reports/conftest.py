"""Fixtures of the pictures serve the page too."""

from tests.plots.conftest import best, posterior, runs

__all__ = ["best", "posterior", "runs"]
