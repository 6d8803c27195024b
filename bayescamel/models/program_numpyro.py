"""A law as a NumPyro program: every quantity sampled, nothing integrated out.

The program has the prior and likelihood of `bayescamel.models.density`, whose coefficients and
size effects it keeps as sites of their own. It is there to be read, extended and compared; the
marginal density samples better.
"""

from collections.abc import Callable

import numpy as np

from bayescamel.laws.base import Array
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem


def to_numpyro(
    hierarchy: Hierarchy, problem: Problem, reference_loss: np.ndarray
) -> Callable[..., None]:
    """Write a law and its hierarchy as a NumPyro program of these runs.

    Parameters
    ----------
    hierarchy, problem
        The prior, and the runs from `bayescamel.models.problem.build`.
    reference_loss
        (validation,) nats per token.

    Returns
    -------
    callable
        ``program(loss=...)``, for `numpyro.infer.MCMC` and the rest of NumPyro. Its sites: the
        blocks of the hierarchy, on their unconstrained scales (``log_alpha``), ``log_run_noise
        (run)`` among them; the coefficients and ``size_effect (validation, scale)``; ``loss (run,
        validation)``, nats per token; parameters are in units of the reference loss. With
        ``loss=None`` losses are drawn: from the prior, or in `numpyro.infer.Predictive` from draws
        of the sites, which the group ``posterior`` of a fit's tree holds.
    """
    import jax.numpy as jnp
    import numpyro
    from numpyro import distributions as dist

    def normal(name: str, location: Array, scale: Array, dims: tuple[str, ...]) -> Array:
        shape = hierarchy.shape(dims, len(problem.loss))
        normal = dist.Normal(jnp.broadcast_to(location, shape), scale)
        return numpyro.sample(name, normal.to_event(len(shape)))

    def program(loss: np.ndarray | None = problem.loss * reference_loss) -> None:
        values: dict[str, Array] = {}
        for block in hierarchy.blocks():
            location, scale = block.prior(jnp, values, problem.own)
            values[block.name] = normal(block.name, location, scale, block.dims)
        parameters = hierarchy.constrained(jnp, values, problem.own)
        for name, value in parameters.items():
            numpyro.deterministic(name, value)
        basis, mean = hierarchy.terms(jnp, parameters, problem.inputs())
        locations, spreads = hierarchy.coefficient_prior(values)
        for coefficient, location, spread in zip(
            hierarchy.law.coefficients, locations, spreads, strict=True
        ):
            name, last = coefficient.name, coefficient is hierarchy.law.coefficients[-1]
            if hierarchy.pooling == "full":
                value = numpyro.deterministic(
                    name, jnp.broadcast_to(location, hierarchy.n_validation)
                )
            elif last and hierarchy.truncated():
                cut = dist.TruncatedNormal(
                    jnp.broadcast_to(location, hierarchy.n_validation), spread, low=0.0
                )
                value = numpyro.sample(name, cut.to_event(1))
            else:
                value = normal(name, location, spread, ("validation",))
            mean = mean + value[:, None] * basis[name]
        scale = jnp.exp(values["log_size_effect_scale"])
        shape = (hierarchy.n_validation, problem.scale.shape[1])
        size_effect = numpyro.sample(
            "size_effect", dist.Normal(jnp.zeros(shape), scale).to_event(2)
        )
        mean = (mean + size_effect @ problem.scale.T).T * reference_loss
        log_sigma = hierarchy.log_noise_sd(values, problem.mixture, problem.reference)
        sigma = jnp.exp(log_sigma).T * reference_loss
        measured = dist.Normal(mean, sigma).mask(problem.measured > 0).to_event(2)
        numpyro.sample("loss", measured, obs=loss)

    return program
