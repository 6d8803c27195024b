"""The whole of sampling: modes, a pilot to learn the shape, the draws that are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bayescamel.blocks import arrow_root, parts
from bayescamel.hierarchy import Hierarchy
from bayescamel.inference import modes
from bayescamel.inference.nuts import Chains, DivergedError, Geometry, run_chains
from bayescamel.models.problem import Problem

STARTS = 8
"""Optimiser starts: enough that on the real tables seen here two or more reach the best mode."""
START_SCATTER = 0.3
"""Spread of the chains' starts around the mode, in sds of Laplace's approximation. In hundreds of
dimensions starts as wide as the posterior land in the basins of other modes, and stay there."""
SETTLING = 1 / 7
"""Share of the warm-up in which chains find their step size where the geometry is known."""
PILOT_TUNE, PILOT_DRAWS = (2 / 7, SETTLING), (1 / 7, 2 / 7)
"""Shares of the warm-up that the pilots adapt, and that they draw to learn the covariance. The
first is whitened by the curvature at the mode, a poor guide to the posterior's shape: it leaves the
mode slowly, with up to ten times the leapfrogs."""
AGREED = 1.2
"""R-hat of a pilot's draws below which its chains are taken to be in the same mode."""
ENOUGH = 100
"""Draws a chain below which a pilot's R-hat says nothing."""
PILOTS = 4
"""How often a pilot whose chains disagree is gone on with: a chain that starts in a narrow mode
beside a wide one takes some hundred iterations to leave it."""
CAREFUL = 0.98
"""Acceptance aimed at where larger steps diverged: half the step that 0.9 comes to. In between,
trajectories are as long as either's and turn back sooner: fewer effective draws a leapfrog."""


@dataclass(frozen=True)
class Shape:
    """What a refit inherits: the covariance of the draws as a root, and where chains stood.

    Parameters
    ----------
    centre, root
        Shapes (dimension,) and, of the numbers that are whitened, (whitened, whitened).
    spread
        Sds of the numbers beyond those, which are only scaled.
    positions
        Last unconstrained positions, shape (chain, dimension).
    """

    centre: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    positions: np.ndarray

    @classmethod
    def of(
        cls, unconstrained: np.ndarray, root: np.ndarray | None, parts: Sequence[np.ndarray]
    ) -> "Shape":
        """Learn from draws of shape (chain, draw, dimension).

        With an earlier `root` the covariance is estimated relative to it, so that shrinking
        towards the identity there keeps what the earlier approximation knew. `parts` are the
        places of the numbers that are whitened (`bayescamel.blocks.parts`): the fewer draws a
        number, the less are correlations believed, and those within a part sooner than others.
        """
        flat = unconstrained.reshape(-1, unconstrained.shape[-1])
        centre, spread = flat.mean(axis=0), flat.std(axis=0)
        n = sum(map(len, parts))
        if root is None:
            root = np.diag(spread[:n])
        covariance = np.cov(np.linalg.solve(root, (flat - centre)[:, :n].T))
        within, between = (len(flat) / (len(flat) + 5 * m) for m in (max(map(len, parts)), n))
        believed = np.full((n, n), between)
        for part in parts:
            believed[np.ix_(part, part)] = within
        np.fill_diagonal(believed, 1.0)
        own = arrow_root(np.linalg.inv(covariance * believed), parts)
        return cls(centre, root @ own, spread[n:], unconstrained[:, -1])

    def geometry(self) -> Geometry:
        """Whitened coordinates with the stable step of NUTS at this dimension."""
        mass = np.concatenate([np.ones(len(self.root)), self.spread**2])
        return Geometry(self.centre, self.root, len(mass) ** -0.25, mass)

    def starts(self, chains: int) -> np.ndarray:
        """Whitened positions for so many chains: shape (chain, dimension)."""
        away = self.positions[np.arange(chains) % len(self.positions)] - self.centre
        n = len(self.root)
        return np.concatenate([np.linalg.solve(self.root, away[:, :n].T).T, away[:, n:]], axis=1)


def largest_rhat(draws: np.ndarray) -> float:
    """Largest R-hat of draws (chain, draw, dimension), chains halved."""
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = half * parts.mean(axis=1).var(axis=0, ddof=1)
    return float(np.sqrt((half - 1) / half + between / (half * within)).max())


@dataclass(frozen=True)
class Request:
    """What is asked of the sampler; see `bayescamel.sampling.fit`."""

    chains: int
    draws: int
    tune: int
    seed: int
    target_accept: float

    def iterations(self, warm: bool) -> int:
        """Iterations of all chains together."""
        return self.chains * ((self.settling if warm else self.tune) + self.draws)

    @property
    def settling(self) -> int:
        """Iterations in which the step size is found where the geometry is known."""
        return round(SETTLING * self.tune)


def sample(
    hierarchy: Hierarchy,
    problem: Problem,
    request: Request,
    warm: Shape | None = None,
    on_start: Callable[[], None] = lambda: None,
    on_progress: Callable[[int, int], None] = lambda _iterations, _divergences: None,
) -> tuple[Chains, tuple[float, ...]]:
    """Draw from the posterior.

    A fresh fit finds the modes, runs a pilot whitened by the curvature at the best one, and then
    samples whitened by the pilot's covariance over all chains. A warm one starts from `warm`.
    Where a draw diverged the chains are run once more with smaller steps.

    Returns
    -------
    chains, gaps
        The draws; the log evidence of further modes relative to the one sampled.
    """
    gaps: tuple[float, ...] = ()
    if warm is None:
        starts = modes.start_positions(hierarchy, problem, STARTS, request.seed)
        found = modes.find_modes(hierarchy, problem, starts, on_start)
        gaps = tuple(mode.log_evidence - found[0].log_evidence for mode in found[1:])
        warm = _explore(hierarchy, problem, request, found[0], on_progress)
    shape = warm

    def run(target_accept: float, until_divergence: bool) -> Chains:
        return run_chains(
            hierarchy,
            problem,
            shape.geometry(),
            shape.starts(request.chains),
            tune=request.settling,
            draws=request.draws,
            seed=request.seed + 1,
            target_accept=target_accept,
            on_progress=on_progress,
            until_divergence=until_divergence,
        )

    return without_divergences(run, request), gaps


def _explore(
    hierarchy: Hierarchy,
    problem: Problem,
    request: Request,
    mode: modes.Mode,
    on_progress: Callable[[int, int], None],
) -> Shape:
    """The posterior's shape by pilot chains around a mode."""
    rng = np.random.default_rng(request.seed)
    geometry = Geometry(mode.position, mode.root, 0.1, mode.scale**2)
    places = START_SCATTER * mode.scale * rng.normal(size=(request.chains, len(mode.scale)))
    root = mode.root
    for round_ in range(PILOTS):
        tune, draws = (s[min(round_, len(s) - 1)] for s in (PILOT_TUNE, PILOT_DRAWS))
        pilot = run_chains(
            hierarchy,
            problem,
            geometry,
            places,
            tune=round(tune * request.tune),
            draws=round(draws * request.tune),
            seed=request.seed + 1000 * round_,
            target_accept=request.target_accept,
            on_progress=lambda iterations, _: on_progress(iterations, 0),
        )
        drawn = pilot.unconstrained
        shape = Shape.of(drawn, root, parts(hierarchy, "validation"))
        done = round_ + 1 >= len(PILOT_DRAWS)
        if done and (drawn.shape[1] < ENOUGH or largest_rhat(drawn) < AGREED):
            break
        geometry, places, root = shape.geometry(), shape.starts(request.chains), shape.root
    return shape


def without_divergences(run: Callable[[float, bool], Chains], request: Request) -> Chains:
    """Chains at the acceptance asked for; where a draw diverges, new ones with smaller steps.

    ``run(target_accept, until_divergence)`` as in `bayescamel.inference.nuts.run_chains`.
    """
    if request.target_accept < CAREFUL:
        try:
            return run(request.target_accept, True)
        except DivergedError:
            pass  # half of the draws are saved on average
    return run(max(CAREFUL, request.target_accept), False)
