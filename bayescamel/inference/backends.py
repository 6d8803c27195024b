"""Other samplers on the plain programs: NumPyro's NUTS, nutpie and PyMC's own NUTS.

For checking the default engine against, and for those who trust one of them more. Chains start in
the best mode found, as those of the default engine do: from generic starts they end in different
modes. The draws come back as those of the default engine.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import jax
import numpy as np
import xarray as xr

from bayescamel.extras import need
from bayescamel.inference import modes
from bayescamel.inference.engine import STARTS
from bayescamel.inference.nuts import Chains, Drawn, placed
from bayescamel.inference.sampler import Sampler
from bayescamel.models import compiled
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import build
from bayescamel.models.program_numpyro import to_numpyro
from bayescamel.models.program_pymc import to_pymc
from bayescamel.runs.sizes import Centre

if TYPE_CHECKING:
    import pymc as pm

type PlainEngine = Literal["numpyro", "nutpie", "pymc"]

STATS = {
    "diverging": ("diverging",),
    "n_steps": ("n_steps", "num_steps"),
    "energy": ("energy",),
    "acceptance_rate": ("acceptance_rate", "mean_tree_accept", "accept_prob"),
    "lp": ("lp", "logp"),
    "step_size": ("step_size",),
}
"""ArviZ's name of each statistic, and what the samplers call it."""


def sample_plain(
    engine: PlainEngine,
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    centre: Centre,
    sampler: Sampler,
    on_start: Callable[[], None] = lambda: None,
) -> Drawn:
    """Draw from the posterior of the plain program.

    Parameters
    ----------
    engine
        ``"numpyro"`` runs chains in parallel only with as many host devices as chains, else one
        after the other; ``"nutpie"`` in threads; ``"pymc"`` in processes, so that a script that
        calls it needs the usual ``if __name__ == "__main__":``.
    on_start
        Called after each start of the search for modes.
    """
    if engine != "numpyro":
        need(engine)
    problem = build(runs, centre, padded=False)
    positions = modes.start_positions(hierarchy, problem, STARTS, sampler.seed)
    found = modes.find_modes(hierarchy, problem, positions, on_start)
    rng = np.random.default_rng(sampler.seed)
    # Overdispersed by little: half a posterior standard deviation in Laplace's approximation.
    best = found[0]
    white = 0.5 * best.scale * rng.normal(size=(sampler.chains, len(best.scale)))
    flats = placed(np, best.geometry(), white)
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(sampler.seed), sampler.chains)
        coefficients, effects = compiled.effects(hierarchy, flats, problem, keys)
    starts = unflatten(hierarchy, flats)
    if hierarchy.pooling != "full":
        for i, coefficient in enumerate(hierarchy.law.coefficients):
            starts[coefficient.name] = np.asarray(coefficients[..., i])
    starts["size_effect"] = np.asarray(effects)
    if engine == "numpyro":
        draws, stats = _numpyro(hierarchy, runs, centre, sampler, starts)
    else:
        draw = _nutpie if engine == "nutpie" else _pymc
        draws, stats = draw(to_pymc(hierarchy, runs, centre), sampler, starts)
    gaps = tuple(mode.log_evidence - found[0].log_evidence for mode in found[1:])
    return _gather(hierarchy, draws, stats, gaps)


def _gather(
    hierarchy: Hierarchy,
    draws: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    gaps: tuple[float, ...],
) -> Drawn:
    shape = draws["size_effect"].shape[:2]
    sampled = [block.name for block in hierarchy.blocks()]
    unconstrained = np.concatenate([draws[name].reshape(*shape, -1) for name in sampled], axis=-1)
    names = [coefficient.name for coefficient in hierarchy.law.coefficients]
    if hierarchy.pooling == "full":
        shared = np.stack([draws[f"{name}_location"] for name in names], axis=-1)
        coefficients = np.repeat(shared[:, :, None], hierarchy.n_validation, axis=2)
    else:
        coefficients = np.stack([draws[name] for name in names], axis=-1)
    named = {
        ours: np.asarray(next(stats[theirs] for theirs in names if theirs in stats))
        for ours, names in STATS.items()
    }
    return Drawn(Chains(unconstrained, named), coefficients, draws["size_effect"], gaps)


def _numpyro(
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    centre: Centre,
    sampler: Sampler,
    starts: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    from numpyro.infer import MCMC, NUTS
    from numpyro.infer.util import unconstrain_fn

    with jax.enable_x64(True):
        program = to_numpyro(hierarchy, build(runs, centre, padded=False), centre.loss)
        mcmc = MCMC(
            NUTS(program, target_accept_prob=sampler.target_accept),
            num_warmup=sampler.tune,
            num_samples=sampler.draws,
            num_chains=sampler.chains,
            chain_method="parallel" if jax.local_device_count() >= sampler.chains else "sequential",
            progress_bar=False,
        )
        inits = jax.vmap(lambda start: unconstrain_fn(program, (), {}, start))(dict(starts))
        mcmc.run(
            jax.random.key(sampler.seed),
            init_params=inits,
            extra_fields=(
                "diverging",
                "num_steps",
                "energy",
                "accept_prob",
                "potential_energy",
                "adapt_state.step_size",
            ),
        )
        draws = {n: np.asarray(v) for n, v in mcmc.get_samples(group_by_chain=True).items()}
        fields = mcmc.get_extra_fields(group_by_chain=True)
    stats = {name: np.asarray(value) for name, value in fields.items()}
    stats["lp"] = -stats["potential_energy"]
    stats["step_size"] = stats["adapt_state.step_size"]
    return draws, stats


def _nutpie(
    model: "pm.Model", sampler: Sampler, starts: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    import nutpie

    program = nutpie.compile_pymc_model(
        model,
        # nutpie takes one start for all chains.
        initial_points={name: value[0] for name, value in starts.items()},
        jitter_rvs=set(),
        var_names=[variable.name for variable in model.free_RVs],
    )
    tree = nutpie.sample(
        program,
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        seed=sampler.seed,
        target_accept=sampler.target_accept,
        save_warmup=False,
        progress_bar=False,
    )
    return _arrays(tree["posterior"]), _arrays(tree["sample_stats"])


def _pymc(
    model: "pm.Model", sampler: Sampler, starts: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    import pymc as pm

    tree = pm.sample(
        draws=sampler.draws,
        tune=sampler.tune,
        chains=sampler.chains,
        random_seed=sampler.seed,
        model=model,
        nuts_sampler="pymc",
        nuts={"target_accept": sampler.target_accept},
        init="adapt_diag",
        initvals=[{n: v[i] for n, v in starts.items()} for i in range(sampler.chains)],
        var_names=[variable.name for variable in model.free_RVs],
        mp_ctx="forkserver",  # JAX runs in this process, and a fork of its threads may hang
        compute_convergence_checks=False,  # `Status` has its own
        progressbar=False,
        quiet=True,
    )
    return _arrays(tree["posterior"]), _arrays(tree["sample_stats"])


def _arrays(group: Any) -> dict[str, np.ndarray]:
    return {str(name): value.to_numpy() for name, value in group.data_vars.items()}
