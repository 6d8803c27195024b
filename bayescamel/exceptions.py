"""Errors, by kind.

Every message names the run, column or value at fault and what to do about it. The command line
prints it as one line and exits with status 2.
"""


class BayesCamelError(Exception):
    """Base of every error that bayescamel raises on purpose."""


class RunTableError(BayesCamelError):
    """A run table that cannot be read, or that holds something no run can have measured."""


class MixtureError(BayesCamelError):
    """Weights that are not a mixture over the known training domains."""


class TargetError(BayesCamelError):
    """A target or an objective that no model can have."""


class FitError(BayesCamelError):
    """Runs or options that a law cannot be fitted to."""


class ConvergenceError(FitError):
    """Draws that failed their diagnostics where the caller asked for ``strict=True``."""


class ConvergenceWarning(UserWarning):
    """Draws that failed their diagnostics and are used all the same; see `fit(strict=True)`."""


class ExtrapolationWarning(UserWarning):
    """Draws whose law falls to losses that no model has, so far is the target beyond the runs."""


class StorageError(BayesCamelError):
    """A posterior, study or output file that cannot be read or must not be overwritten."""


class DesignError(BayesCamelError):
    """Candidates, a space or a budget from which no run can be chosen."""


class StudyError(BayesCamelError):
    """Something a study cannot take: a run it does not know, a record of another run."""


class ConflictError(StudyError):
    """A run that was told already, with other numbers."""


class BenchmarkError(BayesCamelError):
    """A benchmark of which too little is known, or evaluation results that cannot be read."""


class PlotError(BayesCamelError):
    """A picture or a page that cannot be made of what was given."""


class MissingExtraError(BayesCamelError, ImportError):
    """Something that needs a library which the default install does not bring."""
