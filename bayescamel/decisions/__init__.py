"""Decisions from draws: which mixture to train a target on, how sure that is, what it rests on."""

from bayescamel.decisions.objectives import DrawObjective, Objective, WorstCase
from bayescamel.decisions.optimum import optimal_mixture
from bayescamel.decisions.pareto import pareto_front
from bayescamel.decisions.path import optimal_path
from bayescamel.decisions.ranking import rank_mixtures
from bayescamel.decisions.recipe import recipe, write_recipe
from bayescamel.decisions.result import Comparison, OptimalMixture
from bayescamel.decisions.risk import Risk

__all__ = [
    "Comparison",
    "DrawObjective",
    "Objective",
    "OptimalMixture",
    "Risk",
    "WorstCase",
    "optimal_mixture",
    "optimal_path",
    "pareto_front",
    "rank_mixtures",
    "recipe",
    "write_recipe",
]
