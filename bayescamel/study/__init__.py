"""The study: asks for runs, is told what they measured, and survives what workers do."""

# ruff: noqa: E402  # the refusal stands before what it is about
from bayescamel.extras import need

need("sqlalchemy")

from bayescamel.study.candidate import Candidate
from bayescamel.study.records import Record
from bayescamel.study.settings import FitOptions
from bayescamel.study.status import Status
from bayescamel.study.study import Study

__all__ = ["Candidate", "FitOptions", "Record", "Status", "Study"]
