"""Evaluation results as people have them, joined to a run table by an explicit key.

``read_lm_harness``, ``read_olmes`` and ``read_results_table`` each return `Evaluations`;
``join_evaluations`` adds their columns to a run table and says what found no partner.
"""

from bayescamel.benchmarks.readers.evaluations import Evaluations
from bayescamel.benchmarks.readers.join import Joined, join_evaluations
from bayescamel.benchmarks.readers.lm_harness import read_lm_harness
from bayescamel.benchmarks.readers.olmes import read_olmes
from bayescamel.benchmarks.readers.results_table import read_results_table

__all__ = [
    "Evaluations",
    "Joined",
    "join_evaluations",
    "read_lm_harness",
    "read_olmes",
    "read_results_table",
]
