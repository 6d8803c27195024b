"""From a mode to draws: pilots that learn the whitening, then the chains that are kept."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.draws.status import ESS_MIN, RHAT_MAX
from bayescamel.inference.nuts import Chains, DivergedError, Geometry, Progress, run_chains
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.whitening import Whitening
from bayescamel.models.compiled import Density

START_SCATTER = 0.3
"""Spread of the chains' starts around the mode, in sds of Laplace's approximation. In hundreds of
dimensions starts as wide as the posterior land in the basins of other modes, and stay there."""
PILOTS = ((1 / 14, 1 / 14), (1 / 14, 1 / 14), (1 / 14, 1 / 14), (1 / 14, 5 / 14))
"""Shares of the warm-up that each pilot adapts, and that it draws. The curvature at the mode is a
poor guide to the posterior, which may be far wider: each short pilot corrects the last."""
MORE_PILOTS = 3
"""How often the last pilot is gone on with while its chains disagree: a chain that starts in a
narrow mode beside a wide one needs long to leave it."""
AGREED_RHAT = 1.2
"""R-hat of a pilot's draws below which its chains are taken to be in the same mode."""
MAX_DRAWS_FACTOR = 4
"""How many times the draws asked for are made at most."""
MAX_HALVINGS = 3
"""How often the step is halved for divergences. Of corners alone a validation domain's elasticities
are told up to a ridge, along which their posterior's width changes by a factor of twenty."""
RHAT_DRAWS = 100
"""Draws a chain below which a pilot's R-hat says nothing."""


def explore(
    hierarchy: Hashable,
    problem: Any,
    sampler: Sampler,
    first: Geometry | Whitening,
    groups: Sequence[np.ndarray],
    density: Density,
    on_progress: Progress,
) -> Whitening:
    """Learn the whitening by pilot chains.

    Parameters
    ----------
    first
        Whitening by the curvature at a mode, around which chains start; or the whitening by an
        earlier posterior, which needs one short pilot less.
    groups
        Of the whitened numbers, see `bayescamel.models.blocks.groups`.
    """
    if isinstance(first, Whitening):
        geometry, places = first.geometry(), first.starts(sampler.chains)
    else:
        rng = np.random.default_rng(sampler.seed)
        scatter = START_SCATTER * np.sqrt(first.inverse_mass)
        geometry, places = first, scatter * rng.normal(size=(sampler.chains, len(scatter)))
    last = len(PILOTS) - 1
    for number in range(isinstance(first, Whitening), len(PILOTS) + MORE_PILOTS):
        tune, draws = PILOTS[min(number, last)]
        pilot, slopes = run_chains(
            hierarchy,
            problem,
            geometry,
            places,
            tune=round(tune * sampler.tune),
            draws=round(draws * sampler.tune),
            seed=sampler.seed + 1000 * number,
            target_accept=sampler.target_accept,
            density=density,
            on_progress=lambda iterations, _: on_progress(iterations, 0),
            pilot=True,
        )
        drawn = pilot.unconstrained
        apart = geometry.apart is not None
        whitening = Whitening.learn(drawn, slopes, geometry.root, groups, apart, geometry.rows)
        if number >= last and (drawn.shape[1] < RHAT_DRAWS or largest_rhat(drawn) < AGREED_RHAT):
            break
        geometry, places = whitening.geometry(), whitening.starts(sampler.chains)
    return whitening


def keep(
    hierarchy: Hashable,
    problem: Any,
    sampler: Sampler,
    whitening: Whitening,
    density: Density,
    on_progress: Progress,
) -> Chains:
    """Draw at the acceptance asked for, and anew with half the step where a draw diverges.

    Half the step, and not a higher acceptance: so trajectories stay as long as they were, while
    those of an acceptance between turn back sooner and give fewer effective draws.

    Where chains do not agree yet, twice as many draws are made and every second is kept, and twice
    as many again (`MAX_DRAWS_FACTOR`): the sampler says how many are kept. The E-BFMI of what is
    kept is then higher than that of the chains.

    Divergences of chains that are drawn anew are taken back from what was reported.
    """
    seen: list[int] = []

    def counted(iterations: int, divergences: int) -> None:
        seen.append(divergences)
        on_progress(iterations, divergences)

    def run(geometry: Geometry, whitening: Whitening, tune: int, made: int, last: bool) -> Chains:
        return run_chains(
            hierarchy,
            problem,
            geometry,
            whitening.starts(sampler.chains),
            tune=tune,
            draws=max(1, made) * sampler.draws,
            seed=sampler.seed + 1 + made,
            target_accept=sampler.target_accept,
            density=density,
            on_progress=counted,
            until_divergence=not last,
        )[0]

    geometry, tune = whitening.geometry(), sampler.settling
    for halved in range(MAX_HALVINGS + 1):
        last = halved == MAX_HALVINGS
        try:
            chains, made = run(geometry, whitening, tune, 0, last), 1
            while made < MAX_DRAWS_FACTOR and not agreed(chains.unconstrained):
                found = geometry._replace(step_size=float(chains.stats["step_size"].mean()))
                there = replace(whitening, positions=chains.unconstrained[:, -1])
                more = run(found, there, 0, made, last)
                chains = joined(chains, thinned(more, made))
                chains, made = thinned(chains, 2), 2 * made
        except DivergedError as error:
            geometry, tune = geometry._replace(step_size=error.step_size / 2), 0
            on_progress(0, -sum(seen))
            seen.clear()
        else:
            break
    return chains


def agreed(draws: np.ndarray) -> bool:
    """Whether chains (chain, draw, dimension) have converged, or are too short to tell."""
    import arviz_stats as az  # here: seconds to load

    if draws.shape[0] * draws.shape[1] < 2 * ESS_MIN:
        return True
    if largest_rhat(draws) > RHAT_MAX:
        return False
    value = xr.Dataset({"value": (("chain", "draw", "number"), draws)})
    return all(az.ess(value, method=m)["value"].min() >= ESS_MIN for m in ("bulk", "tail"))


def joined(first: Chains, then: Chains) -> Chains:
    """Chains, and after them those that go on where they ended."""
    stats = {name: np.concatenate([v, then.stats[name]], 1) for name, v in first.stats.items()}
    return first._replace(
        unconstrained=np.concatenate([first.unconstrained, then.unconstrained], 1), stats=stats
    )


def thinned(chains: Chains, step: int) -> Chains:
    """The last of every `step` draws; their steps add up, and a divergence of any counts."""
    grouped = {name: value.reshape(len(value), -1, step) for name, value in chains.stats.items()}
    stats = {name: value[..., -1] for name, value in grouped.items()}
    stats |= {"n_steps": grouped["n_steps"].sum(-1), "diverging": grouped["diverging"].any(-1)}
    return chains._replace(unconstrained=chains.unconstrained[:, step - 1 :: step], stats=stats)


def largest_rhat(draws: np.ndarray) -> float:
    """Largest R-hat of draws (chain, draw, dimension), chains halved."""
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = half * parts.mean(axis=1).var(axis=0, ddof=1)
    return float(np.sqrt((half - 1) / half + between / (half * within)).max())
