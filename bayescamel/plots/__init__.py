"""Every picture: of runs, posteriors, decisions, benchmarks, backtests and studies.

Each function draws with matplotlib into the axes that it is given, or into a figure of its own that
a notebook shows by itself, and returns the figure. Colours are told apart by colour-blind readers
and go with line styles and marks; long and hostile names are cut and shown as text.
"""

from bayescamel.plots.benchmarks import benchmark_curves, listening
from bayescamel.plots.decisions import gain_and_regret, optimum, pareto_front, path_over_size
from bayescamel.plots.files import save
from bayescamel.plots.held_out import held_out_runs
from bayescamel.plots.priors import priors
from bayescamel.plots.response import elasticities, response_slices
from bayescamel.plots.runs import loss_over_weight, training_grid, weight_pairs
from bayescamel.plots.size import loss_over_size
from bayescamel.plots.study import allocation, learning, proposals, spending, timeline
from bayescamel.plots.ternary import ternary
from bayescamel.plots.trust import calibration, horizons, residuals

__all__ = [
    "allocation",
    "benchmark_curves",
    "calibration",
    "elasticities",
    "gain_and_regret",
    "held_out_runs",
    "horizons",
    "learning",
    "listening",
    "loss_over_size",
    "loss_over_weight",
    "optimum",
    "pareto_front",
    "path_over_size",
    "priors",
    "proposals",
    "residuals",
    "response_slices",
    "save",
    "spending",
    "ternary",
    "timeline",
    "training_grid",
    "weight_pairs",
]
