"""The page for those who decide: one file, no network."""

from bayescamel.reports.page import report

__all__ = ["report"]
