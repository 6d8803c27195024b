"""Decisions from draws: which mixture to train a target on, how sure that is, what it rests on."""

from bayescamel.decisions.objectives import DrawObjective, Objective, WorstCase
from bayescamel.decisions.optimum import optimal_mixture
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
]
