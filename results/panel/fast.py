"""A fit in a second: draws of Laplace's approximation at the best mode.

It orders forms and priors as NUTS does (see ``README.md``), because curves and interplay are told
by different data and the posterior is nearly a normal one; nothing that ships is fitted this way.
All tables of as many domains share a compiled program: rows and scales are padded alike.
"""

import time

import jax
import numpy as np
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.inference import modes
from bayescamel.inference.assembly import assemble
from bayescamel.inference.nuts import Chains
from bayescamel.laws import Law
from bayescamel.models import compiled
from bayescamel.models.hierarchy import Noise
from bayescamel.models.problem import Problem, build, hierarchy_for
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Centre

DRAWS, STARTS = 300, 2
ROWS, SCALES = (192, 288), 24


def fit_fast(runs: xr.Dataset, law: Law, noise: Noise, seed: int = 0) -> Posterior:
    """A posterior whose draws are Laplace's."""
    began = time.perf_counter()
    compiled.use_cache()
    centre = Centre.of(runs)
    hierarchy = hierarchy_for(runs, law, "partial", noise)
    problem = padded(build(runs, centre, padded=False))
    starts = modes.start_positions(hierarchy, problem, STARTS, seed)
    best = modes.find_modes(hierarchy, problem, starts)[0]
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(DRAWS, len(best.position)))
    n = len(best.root)
    away = np.concatenate([z[:, :n] @ best.root.T, z[:, n:] * best.spread], axis=1)
    flat = best.position + away
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), DRAWS)
        coefficients, effects = compiled.effects(hierarchy, flat, problem, keys)
    nothing = np.zeros((1, DRAWS))
    names = ("n_steps", "energy", "acceptance_rate", "lp", "step_size")
    stats = dict.fromkeys(names, nothing) | {"diverging": nothing.astype(bool)}
    tree = assemble(
        hierarchy,
        runs,
        centre,
        Chains(flat[None], stats, best.root),
        np.asarray(coefficients)[None],
        np.asarray(effects)[None],
    )
    status = Status(np.nan, np.nan, np.nan, 0, np.nan, time.perf_counter() - began)
    return Posterior(tree=tree, runs=runs, hierarchy=hierarchy, centre=centre, status=status)


def padded(problem: Problem) -> Problem:
    """Rows and scales up to a few fixed lengths."""
    n = len(problem.loss)
    more = next(rows for rows in ROWS if rows >= n) - n
    by_row = ("log_total", "log_active", "log_tokens", "loss", "measured", "scale")
    longer = {
        name: np.concatenate([values, np.zeros((more, *values.shape[1:]))])
        for name, values in ((name, getattr(problem, name)) for name in by_row)
    }
    scale = longer.pop("scale")
    wide = np.zeros((len(scale), SCALES - scale.shape[1]))
    mixture = np.concatenate([problem.mixture, np.tile(problem.reference, (more, 1))])
    if problem.unique is not None:
        no_end = np.full((more, problem.unique.shape[1]), np.inf)
        longer["unique"] = np.concatenate([problem.unique, no_end])
    return problem._replace(**longer, mixture=mixture, scale=np.concatenate([scale, wide], axis=1))
