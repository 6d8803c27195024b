"""Sampling a loss law: modes, pilots that learn the whitening, the draws that are kept."""

from collections.abc import Callable

from bayescamel.inference import modes
from bayescamel.inference.nuts import Chains, Geometry
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.stages import explore, keep
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
    first: Whitening | Geometry | None = warm
    if first is None:
        starts = modes.start_positions(hierarchy, problem, STARTS, sampler.seed)
        found = modes.find_modes(hierarchy, problem, starts, on_start)
        gaps = tuple(mode.log_evidence - found[0].log_evidence for mode in found[1:])
        best = found[0]
        first = Geometry(best.position, best.root, 0.1, best.scale**2)
    if not (settled and isinstance(first, Whitening)):
        by_validation = groups(hierarchy, "validation")
        first = explore(hierarchy, problem, sampler, first, by_validation, log_density, on_progress)
    return keep(hierarchy, problem, sampler, first, log_density, on_progress), gaps
