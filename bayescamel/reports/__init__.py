"""The page for those who decide: one file, no network."""

# ruff: noqa: E402  # the refusal stands before what it is about
from bayescamel.extras import need

need("jinja2")

from bayescamel.reports.page import report

__all__ = ["report"]
