"""Sampling a loss law: modes, pilots that learn the whitening, the draws that are kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bayescamel.inference import modes
from bayescamel.inference.nuts import Chains, Geometry
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.stages import explore, keep
from bayescamel.inference.straight import moved, summed_rows, to_straight
from bayescamel.inference.whitening import Whitening
from bayescamel.models.blocks import groups
from bayescamel.models.density import log_density
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem

STARTS = 8
"""Optimiser starts at most: fewer where they agree (`bayescamel.inference.modes`)."""


def sample(
    hierarchy: Hierarchy,
    problem: Problem,
    sampler: Sampler,
    warm: Whitening | None = None,
    settled: bool = False,
    on_start: Callable[[], None] = lambda: None,
    on_progress: Callable[[int, int], None] = lambda _iterations, _divergences: None,
) -> tuple[Chains, tuple[float, ...]]:
    """Draw from the posterior.

    A fresh fit finds the modes, runs pilots from the curvature at the best one on, and then samples
    whitened by what they learned. A warm one starts from `warm`, the whitening by an earlier
    posterior, with pilots unless it is `settled` that it still fits. Where a draw diverged, the
    chains are run once more with smaller steps.

    Returns
    -------
    chains, gaps
        The draws; the log evidence of further modes relative to the one sampled.
    """
    gaps: tuple[float, ...] = ()
    if warm is not None:
        first: Whitening | Geometry = replace(warm, **straightened(hierarchy, warm))
    else:
        starts = modes.start_positions(hierarchy, problem, STARTS, sampler.seed)
        found = modes.find_modes(hierarchy, problem, starts, on_start)
        gaps = tuple(mode.log_evidence - found[0].log_evidence for mode in found[1:])
        at_mode = found[0].geometry()
        first = at_mode._replace(**straightened(hierarchy, at_mode))
    if not (settled and isinstance(first, Whitening)):
        by_validation = groups(hierarchy, "validation")
        first = explore(hierarchy, problem, sampler, first, by_validation, log_density, on_progress)
    return keep(hierarchy, problem, sampler, first, log_density, on_progress), gaps


def straightened(hierarchy: Hierarchy, first: Whitening | Geometry) -> dict[str, Any]:
    """Centre and root where chains move, of those of the unconstrained numbers."""
    rows = summed_rows(hierarchy, first.centre)
    return {
        "centre": to_straight(np, first.centre, rows),
        "root": moved(to_straight, first.centre, first.root, rows),
        "rows": rows,
    }
