# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My own law, my own prior, the model in hand
#
# A reviewer says: your law is one of many, and I have a better one. Or: I know from other runs how
# fast these losses fall. Or: I do not believe your sampler. All three can be met without leaving
# the package. The question at the end is which law to decide with.
#
# Chains are short here, so that all of it takes a minute, and warnings say so. Yours are longer.

# %%
from importlib.util import find_spec

import arviz as az
import numpy as np
import pymc as pm

import bayescamel as bc
from bayescamel.runs.sizes import sparse_runs

runs = bc.load_proxies()
runs = runs.isel(run=~sparse_runs(runs))
sizes = np.unique(runs["n_params"])
fitted = runs.sel(run=runs["n_params"] <= sizes[1])
held_out = runs.sel(run=(runs["n_params"] == sizes[2]) & (runs["n_tokens"] < 5e6))
quick = {"chains": 2, "draws": 250, "tune": 300, "progress": False}

# %% [markdown]
# ## A law is a function and its priors
#
# `terms` evaluates the law at runs, for NumPy, JAX and PyTensor alike: `xp` is the array library.
# What is linear (here `E` and `A`, nats over the runs' mean loss) is left to the coefficients. Each
# parameter has a prior on its unconstrained scale, and is pooled over validation domains.


# %%
def terms(xp, inputs, *, alpha, tilt):
    """Loss = E + A exp(Σ t_k (w_k - w⁰_k)) (N / N₀)^-α: the mixture scales what size lowers."""
    mixed = xp.exp(xp.sum(tilt * (inputs.mixture - inputs.reference), axis=-1))
    return bc.Terms({"E": 1.0, "A": mixed * xp.exp(-alpha * inputs.log_capacity)})


mine = bc.Law(
    name="mine",
    title="what size lowers, scaled by the mixture",
    parameters=(
        bc.Parameter("alpha", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.2),
        bc.Parameter(
            "tilt", ("validation", "domain"), "real", 0.0, location_sd=0.5, spread=0.5, own=-1.0
        ),
    ),
    coefficients=(
        bc.Coefficient("E", 0.4, location_sd=0.15, spread=0.1),
        bc.Coefficient("A", 0.6, location_sd=0.15, spread=0.1, positive=True),
    ),
    terms=terms,
)
own_law = bc.fit(fitted, law=mine, **quick)
own_law

# %% [markdown]
# ## A prior is a number that you replace
#
# `priors="wide"` forgets what other tables taught; a mapping says what you know.

# %%
own_prior = bc.fit(fitted, priors={"alpha": {"typical": 0.3, "location_sd": 0.05}}, **quick)
own_prior.priors.round(3)

# %%
az.summary(own_prior.tree, var_names=["alpha"])[["mean", "sd", "r_hat"]]

# %%
bc.plots.priors(own_prior)

# %% [markdown]
# ## The model in hand
#
# The same law, prior and runs as a PyMC model with named dims, to look at, to extend, to sample by
# whatever you trust. (`pm.model_to_graphviz` draws it where Graphviz is installed.)

# %%
model = own_prior.to_pymc()
if find_spec("graphviz"):
    print(pm.model_to_graphviz(model).source[:400])
else:
    print(pm.model_to_mermaid(model)[:400])

# %% [markdown]
# What the model says before it sees a loss (5, 50 and 95 %), nats per token:

# %%
prior = pm.sample_prior_predictive(200, model=model, random_seed=0)
prior["prior_predictive"]["loss"].quantile([0.05, 0.5, 0.95]).to_numpy().round(2)

# %% [markdown]
# And after: its posterior predictive takes the draws of the tree, so it is the same posterior. The
# share of the fitted losses inside the 90 % interval:

# %%
after = pm.sample_posterior_predictive(
    own_prior.tree, model=model, random_seed=0, progressbar=False
)["posterior_predictive"]["loss"]
low, high = np.quantile(after, [0.05, 0.95], axis=(0, 1))
observed = fitted["loss"].to_numpy()
float(((low <= observed) & (observed <= high)).mean().round(2))

# %% [markdown]
# For a new run, of a size that nobody fitted, `kind="run"` is the posterior predictive.

# %%
size = bc.Target(n_params=float(sizes[2]), n_tokens=float(held_out["n_tokens"].median()))
for name, posterior in (("mine", own_law), ("camel, own prior", own_prior)):
    drawn = posterior.predict(size, held_out["mixture"], kind="run")["loss"]
    low, high = np.quantile(drawn, [0.05, 0.95], axis=(0, 1))
    observed = held_out["loss"].to_numpy()
    error = abs(drawn.mean(("chain", "draw")).to_numpy() / observed - 1).mean()
    inside = ((low <= observed) & (observed <= high)).mean()
    print(f"{name}: {error:.1%} off at {sizes[2]:,.0f} parameters, {inside:.0%} inside 90 %")

# %%
bc.plots.worst_pairs(own_law, 3)

# %% [markdown]
# ## The decision
#
# The law that was nearer at a size that neither had seen decides; the other says whether the answer
# hangs on the law.

# %%
for name, posterior in (("mine", own_law), ("camel, own prior", own_prior)):
    best = posterior.optimal_mixture(size)
    print(f"{name}: {best.recommended.to_series().round(2).to_dict()}, regret {best.regret:.4f}")
