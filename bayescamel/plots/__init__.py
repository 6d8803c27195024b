"""Every picture: of runs, posteriors, decisions, benchmarks, backtests and studies.

Each function draws with matplotlib into the axes that it is given, or into a figure of its own that
a notebook shows by itself, and returns the figure. Colours are told apart by colour-blind readers
and go with line styles and marks; long and hostile names are cut and shown as text.
"""

# ruff: noqa: E402  # the refusal stands before what it is about
from bayescamel.extras import need

need("matplotlib")

from bayescamel.plots.benchmarks import benchmark_curves, listening
from bayescamel.plots.decisions import front, gain_and_regret, optimum, path
from bayescamel.plots.diagnostics import energy, rank, trace, worst_pairs
from bayescamel.plots.files import save
from bayescamel.plots.history import learning
from bayescamel.plots.learned import prior_predictive, priors
from bayescamel.plots.predicted import held_out
from bayescamel.plots.response import elasticities, response_slices
from bayescamel.plots.runs import loss_over_weight, training_grid, weight_pairs
from bayescamel.plots.size import loss_over_size
from bayescamel.plots.study import allocation, proposals, spending, timeline
from bayescamel.plots.triangle import ternary
from bayescamel.plots.trust import calibration, horizons, residuals

__all__ = [
    "allocation",
    "benchmark_curves",
    "calibration",
    "elasticities",
    "energy",
    "front",
    "gain_and_regret",
    "held_out",
    "horizons",
    "learning",
    "listening",
    "loss_over_size",
    "loss_over_weight",
    "optimum",
    "path",
    "prior_predictive",
    "priors",
    "proposals",
    "rank",
    "residuals",
    "response_slices",
    "save",
    "spending",
    "ternary",
    "timeline",
    "trace",
    "training_grid",
    "weight_pairs",
    "worst_pairs",
]
